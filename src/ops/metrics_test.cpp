#include "ops/metrics.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace confide::ops {
namespace {

using ::testing::HasSubstr;

TEST(MetricsTest, CountsPerLabelSet) {
  Metrics metrics;
  metrics.count("requests_total", "Requests served.", {{"code", "200"}});
  metrics.count("requests_total", "Requests served.", {{"code", "200"}}, 2);
  metrics.count("requests_total", "Requests served.", {{"code", "503"}});
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# HELP requests_total Requests served.\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE requests_total counter\n"));
  EXPECT_THAT(text, HasSubstr("requests_total{code=\"200\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("requests_total{code=\"503\"} 1\n"));
}

TEST(MetricsTest, GaugeKeepsTheLastValue) {
  Metrics metrics;
  metrics.set("slots_busy", "Slots in use.", {}, 4);
  metrics.set("slots_busy", "Slots in use.", {}, 1.5);
  EXPECT_THAT(metrics.text(), HasSubstr("slots_busy 1.5\n"));
}

TEST(MetricsTest, HistogramOfRequestsReachesFromOneMillisecondToTenMinutes) {
  Metrics metrics;
  Histogram series = metrics.histogram("latency_seconds", "Time to first token.",
                                       {{"route", "chat"}}, Buckets::request);
  series.observe(0.0005);
  series.observe(45);
  metrics
      .histogram("latency_seconds", "Time to first token.", {{"route", "chat"}}, Buckets::request)
      .observe(3000);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("latency_seconds_bucket{route=\"chat\",le=\"0.001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("latency_seconds_bucket{route=\"chat\",le=\"40\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("latency_seconds_bucket{route=\"chat\",le=\"600\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("latency_seconds_bucket{route=\"chat\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("latency_seconds_count{route=\"chat\"} 3\n"));
}

TEST(MetricsTest, HistogramOfTokensHasFinerBuckets) {
  Metrics metrics;
  metrics.histogram("gap_seconds", "Between tokens.", {}, Buckets::token).observe(0.06);
  EXPECT_THAT(metrics.text(), HasSubstr("gap_seconds_bucket{le=\"0.05\"} 0\n"));
  EXPECT_THAT(metrics.text(), HasSubstr("gap_seconds_bucket{le=\"0.075\"} 1\n"));
}

TEST(MetricsTest, LosesNoCountBetweenThreads) {
  Metrics metrics;
  const auto work = [&metrics] {
    for (int i = 0; i < 1000; ++i) metrics.count("jobs_total", "Jobs.", {{"kind", "x"}});
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_THAT(metrics.text(), HasSubstr("jobs_total{kind=\"x\"} 2000\n"));
}

}  // namespace
}  // namespace confide::ops
