#include "api/otlp.h"

#include <mutex>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/server.h"

namespace confide::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

const SteadyTime kStart{seconds{100}};

RequestFacts facts() {
  RequestFacts out;
  out.id = "req-1";
  out.route = "/v1/chat/completions";
  out.model = "tiny";
  out.key = "alice";
  out.peer = "192.0.2.77";
  out.parent = TraceParent{
      .trace_id = std::string(32, 'a'), .span_id = std::string(16, 'b'), .sampled = true};
  out.status = 200;
  out.complete = true;
  out.finish = engine::Finish::length;
  out.usage = {.prompt_tokens = 7, .cached_tokens = 2, .completion_tokens = 5};
  out.received = kStart;
  out.submitted = kStart + milliseconds{1};
  out.started = kStart + milliseconds{2};
  out.first_text = kStart + milliseconds{3};
  out.last_text = kStart + milliseconds{4};
  out.over = kStart + milliseconds{5};
  return out;
}

std::string attribute(const Json& span, const std::string& key, const std::string& kind) {
  for (const Json& one : span["attributes"]) {
    if (one["key"] == key) return one["value"][kind].get<std::string>();
  }
  return "missing";
}

TEST(OtlpSpansTest, AreTheRequestAndItsParts) {
  const Json spans = otlp_spans(facts(), seconds{1'000'000});
  ASSERT_EQ(spans.size(), 4U);
  const Json& request = spans[0];
  EXPECT_EQ(request["traceId"], std::string(32, 'a'));
  EXPECT_EQ(request["parentSpanId"], std::string(16, 'b'));
  EXPECT_EQ(request["kind"], 2);
  EXPECT_EQ(request["startTimeUnixNano"], "1000100000000000");
  EXPECT_EQ(request["endTimeUnixNano"], "1000100005000000");
  EXPECT_FALSE(request.contains("status"));
  EXPECT_EQ(attribute(request, "http.route", "stringValue"), "/v1/chat/completions");
  EXPECT_EQ(attribute(request, "http.response.status_code", "intValue"), "200");
  EXPECT_EQ(attribute(request, "gen_ai.request.model", "stringValue"), "tiny");
  EXPECT_EQ(attribute(request, "gen_ai.response.finish_reason", "stringValue"), "length");
  EXPECT_EQ(attribute(request, "gen_ai.usage.input_tokens", "intValue"), "7");
  EXPECT_EQ(attribute(request, "gen_ai.usage.output_tokens", "intValue"), "5");
  const std::vector<std::string> names{"queue", "prefill", "decode"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Json& part = spans[i + 1];
    EXPECT_EQ(part["name"], names[i]);
    EXPECT_EQ(part["traceId"], request["traceId"]);
    EXPECT_EQ(part["parentSpanId"], request["spanId"]);
    EXPECT_EQ(part["startTimeUnixNano"], fmt::format("10001000{:02}000000", i + 1));
    EXPECT_EQ(part["endTimeUnixNano"], fmt::format("10001000{:02}000000", i + 2));
  }
}

TEST(OtlpSpansTest, NameNobody) {
  const std::string all = otlp_request(otlp_spans(facts(), {})).dump();
  EXPECT_THAT(all, ::testing::Not(HasSubstr("alice")));
  EXPECT_THAT(all, ::testing::Not(HasSubstr("192.0.2.77")));
}

TEST(OtlpSpansTest, ARequestThatFailedEarlyHasNoParts) {
  RequestFacts failed;
  failed.route = "/v1/models";
  failed.status = 500;
  const Json spans = otlp_spans(failed, {});
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(spans[0]["status"]["code"], 2);
  EXPECT_FALSE(spans[0].contains("parentSpanId"));
  EXPECT_NE(spans[0]["traceId"], otlp_spans(failed, {})[0]["traceId"]);
}

// A collector on this machine.
struct OtlpExporterTest : ::testing::Test {
  std::mutex mutex;
  std::vector<net::HttpRequest> posted;
  int status = 200;
  ops::Metrics metrics;
  std::unique_ptr<net::Server> collector = [this] {
    net::ServerOptions options;
    options.plain = true;
    return net::Server::start(
               std::move(options),
               [this](net::HttpRequest request, std::shared_ptr<net::Exchange> exchange) {
                 const std::lock_guard lock(mutex);
                 net::HttpResponse response;
                 response.status = status;
                 posted.push_back(std::move(request));
                 exchange->respond(std::move(response));
               })
        .value();
  }();

  Collector where() const {
    net::Url url{.host = "127.0.0.1", .port = collector->port(), .base_path = "/otlp"};
    url.plain = true;
    return {.url = url, .pin = std::nullopt};
  }
};

TEST_F(OtlpExporterTest, SendsWhatIsQueuedInOneBatch) {
  {
    OtlpExporter exporter(where(), metrics);
    for (int i = 0; i < 3; ++i) exporter.add(facts());
    RequestFacts unwanted = facts();
    unwanted.parent->sampled = false;
    exporter.add(unwanted);
    RequestFacts probe = facts();
    probe.route = "/health";
    exporter.add(probe);
  }
  std::size_t spans = 0;
  for (const auto& request : posted) {
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/otlp/v1/traces");
    EXPECT_EQ(request.headers.get("Content-Type"), "application/json");
    const Json body = json::parse(request.body).value();
    EXPECT_EQ(body["resourceSpans"][0]["resource"]["attributes"][0]["value"]["stringValue"],
              "confide-server");
    spans += body["resourceSpans"][0]["scopeSpans"][0]["spans"].size();
  }
  EXPECT_EQ(spans, 12U);
  EXPECT_THAT(metrics.text(), HasSubstr("confide_traces_total{outcome=\"sent\"} 3\n"));
}

TEST_F(OtlpExporterTest, ACollectorThatRefusesCostsItsTracesAlone) {
  status = 503;
  {
    OtlpExporter(where(), metrics).add(facts());
  }
  EXPECT_THAT(metrics.text(), HasSubstr("confide_traces_total{outcome=\"failed\"} 1\n"));
  const Collector gone = where();
  collector.reset();
  {
    OtlpExporter(gone, metrics).add(facts());
  }
  EXPECT_THAT(metrics.text(), HasSubstr("confide_traces_total{outcome=\"failed\"} 2\n"));
}

}  // namespace
}  // namespace confide::api
