#include "api/trace_parent.h"

#include <gtest/gtest.h>

namespace confide::api {
namespace {

constexpr std::string_view kTrace = "0af7651916cd43dd8448eb211c80319c";
constexpr std::string_view kSpan = "b7ad6b7169203331";

std::string header(std::string_view version, std::string_view trace, std::string_view span,
                   std::string_view flags) {
  return std::string(version) + "-" + std::string(trace) + "-" + std::string(span) + "-" +
         std::string(flags);
}

TEST(TraceParentTest, ReadsVersionZero) {
  const auto parent = parse_trace_parent(header("00", kTrace, kSpan, "01"));
  ASSERT_TRUE(parent);
  EXPECT_EQ(parent->trace_id, kTrace);
  EXPECT_EQ(parent->span_id, kSpan);
  EXPECT_TRUE(parent->sampled);
  EXPECT_FALSE(parse_trace_parent(header("00", kTrace, kSpan, "02"))->sampled);
}

TEST(TraceParentTest, ReadsWhatItKnowsOfLaterVersions) {
  EXPECT_TRUE(parse_trace_parent(header("01", kTrace, kSpan, "01") + "-more"));
  EXPECT_TRUE(parse_trace_parent(header("cc", kTrace, kSpan, "01")));
  EXPECT_FALSE(parse_trace_parent(header("cc", kTrace, kSpan, "01") + ".more"));
}

TEST(TraceParentTest, RefusesEverythingElse) {
  const std::string good = header("00", kTrace, kSpan, "01");
  for (std::string bad :
       {header("ff", kTrace, kSpan, "01"), header("00", std::string(32, '0'), kSpan, "01"),
        header("00", kTrace, std::string(16, '0'), "01"), good + "-more", good + " ", " " + good,
        header("00", "0AF7651916CD43DD8448EB211C80319C", kSpan, "01"),
        header("0g", kTrace, kSpan, "01"), header("00", kTrace, kSpan, "0x"), std::string(),
        good.substr(0, 54)}) {
    EXPECT_FALSE(parse_trace_parent(bad)) << bad;
  }
  for (const std::size_t dash : {2U, 35U, 52U}) {
    std::string bad = good;
    bad[dash] = '_';
    EXPECT_FALSE(parse_trace_parent(bad)) << bad;
  }
}

}  // namespace
}  // namespace confide::api
