// What the operator of a service relies on: keys, readiness, metrics and logs.
#include <mutex>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service_fixture_test.h"
#include "ops/log.h"

namespace confide::api {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kPath = "/v1/chat/completions";

class CollectedTraces final : public TraceSink {
 public:
  void add(const RequestFacts& facts) noexcept override {
    const std::lock_guard lock(mutex_);
    all_.push_back(facts);
  }
  std::vector<RequestFacts> all() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<RequestFacts> all_;
};

struct OperationsTest : ServiceTest {
  Access access{keys()};
  std::shared_ptr<CollectedTraces> traces = std::make_shared<CollectedTraces>();
  std::unique_ptr<Identity> other_identity = make_identity();
  std::unique_ptr<Service> keyed = make(true);

  ~OperationsTest() override { pool->stop(); }

  static std::vector<ApiKey> keys() {
    ApiKey good{.name = "good", .models = {"tiny"}};
    good.digest = crypto::sha256(as_bytes("sk-good"));
    good.requests_per_minute = 2;
    good.tokens_per_minute = 1000;
    ApiKey elsewhere{.name = "elsewhere", .models = {"huge"}};
    elsewhere.digest = crypto::sha256(as_bytes("sk-elsewhere"));
    ApiKey metered{.name = "metered", .every_model = true};
    metered.digest = crypto::sha256(as_bytes("sk-metered"));
    metered.tokens_per_minute = 500;
    return {good, elsewhere, metered};
  }
  std::unique_ptr<Service> make(bool watch) {
    ServiceParts with = parts();
    with.access = &access;
    ServiceConfig config{.provenance = {}};
    config.public_metrics = true;
    config.queue = 2;
    if (watch) {
      config.observer = {
          .log_requests = true, .log_addresses = false, .metrics_by_key = true, .traces = traces};
    }
    return std::make_unique<Service>(config, with, *other_identity);
  }
  std::shared_ptr<FakeExchange> ask(const std::string& method, const std::string& path,
                                    const std::string& key, std::string body = "") {
    auto exchange = std::make_shared<FakeExchange>();
    net::HttpRequest asked = request(method, path, std::move(body));
    asked.peer = "192.0.2.77";
    if (!key.empty()) asked.headers.add("Authorization", "Bearer " + key);
    asked.headers.add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    keyed->handle(std::move(asked), exchange);
    exchange->wait();
    return exchange;
  }
};

TEST_F(OperationsTest, WhatGeneratesOrListsModelsNeedsAKey) {
  for (const auto& [method, path] : {std::pair("POST", kPath),
                                     {"POST", "/v1/completions"},
                                     {"GET", "/v1/models"},
                                     {"GET", "/v1/models/tiny"}}) {
    for (const std::string& key : {std::string(), std::string("sk-bad")}) {
      const auto refused = ask(method, path, key, std::string(kHello));
      EXPECT_EQ(refused->status(), 401) << path;
      EXPECT_EQ(parsed(*refused)["error"]["code"], "invalid_api_key") << path;
    }
  }
  EXPECT_THAT(engine.jobs, IsEmpty());
}

TEST_F(OperationsTest, AnthropicsClientsAreRefusedInTheirOwnWords) {
  const auto kind = [&](std::string key, std::string path) -> std::pair<int, std::string> {
    auto exchange = std::make_shared<FakeExchange>();
    net::HttpRequest asked = request("POST", path, R"({"model":"tiny"})");
    asked.headers.add("x-api-key", std::move(key));
    asked.headers.add("anthropic-version", "2023-06-01");
    keyed->handle(std::move(asked), exchange);
    exchange->wait();
    return {exchange->status(), parsed(*exchange)["error"]["type"]};
  };
  using Kind = std::pair<int, std::string>;
  const std::string path = "/v1/messages";
  EXPECT_EQ(kind("sk-bad", path), Kind(401, "authentication_error"));
  EXPECT_EQ(kind("sk-good", path), Kind(400, "invalid_request_error"));
  EXPECT_EQ(kind("sk-good", path + "/count_tokens"), Kind(400, "invalid_request_error"));
  EXPECT_EQ(kind("sk-good", path), Kind(429, "rate_limit_error"));
}

TEST_F(OperationsTest, WhatProvesTheServiceNeedsNone) {
  for (const std::string path : {"/", "/health", "/ready", "/v1/aci/attestation",
                                 "/v1/aci/sessions", "/.well-known/ohttp-gateway", "/metrics"}) {
    EXPECT_EQ(ask("GET", path, "")->status(), 200) << path;
  }
  EXPECT_EQ(ask("GET", "/v1/aci/receipts/rcpt-1", "")->status(), 404);
}

TEST_F(OperationsTest, AKeyOpensItsModelsAlone) {
  EXPECT_EQ(ask("POST", kPath, "sk-good", std::string(kHello))->status(), 200);
  EXPECT_EQ(parsed(*ask("GET", "/v1/models", "sk-good"))["data"].size(), 1U);
  EXPECT_EQ(ask("GET", "/v1/models/tiny", "sk-good")->status(), 200);

  const auto refused = ask("POST", kPath, "sk-elsewhere", std::string(kHello));
  EXPECT_EQ(refused->status(), 403);
  EXPECT_EQ(error_type(*refused), "permission_error");
  EXPECT_THAT(parsed(*ask("GET", "/v1/models", "sk-elsewhere"))["data"], IsEmpty());
  EXPECT_EQ(ask("GET", "/v1/models/tiny", "sk-elsewhere")->status(), 403);
  EXPECT_EQ(ask("GET", "/v1/models/none", "sk-elsewhere")->status(), 403) << "as if it were there";
  EXPECT_EQ(ask("GET", "/v1/models/huge", "sk-elsewhere")->status(), 404);
}

TEST_F(OperationsTest, LimitsAreSaidWithEveryAnswer) {
  const auto first = ask("POST", kPath, "sk-good", std::string(kHello));
  EXPECT_EQ(first->headers().get("X-RateLimit-Limit-Requests"), "2");
  EXPECT_EQ(first->headers().get("X-RateLimit-Remaining-Requests"), "1");
  EXPECT_EQ(first->headers().get("X-RateLimit-Limit-Tokens"), "1000");
  EXPECT_EQ(ask("POST", kPath, "sk-good", std::string(kHello))->status(), 200);
  const auto refused = ask("POST", kPath, "sk-good", std::string(kHello));
  EXPECT_EQ(refused->status(), 429);
  EXPECT_EQ(error_type(*refused), "rate_limit_error");
  EXPECT_EQ(refused->headers().get("Retry-After"), "30");
  EXPECT_EQ(refused->headers().get("X-RateLimit-Remaining-Requests"), "0");
  EXPECT_EQ(ask("GET", "/v1/models", "sk-good")->status(), 200) << "looking is free";
}

TEST_F(OperationsTest, AnswersCountAgainstTheBudgetOfTokens) {
  engine.pieces.assign(1200, {"x"});
  EXPECT_EQ(ask("POST", kPath, "sk-good", std::string(kHello))->status(), 200);
  const auto refused = ask("POST", kPath, "sk-good", std::string(kHello));
  EXPECT_EQ(refused->status(), 429);
  EXPECT_EQ(refused->headers().get("X-RateLimit-Remaining-Tokens"), "0");
}

// A budget of 500 tokens and prompts of 3: four requests with answers of up to 100 fit.
struct BudgetTest : OperationsTest {
  static std::string asking(std::string_view members = "") {
    return fmt::format(
        R"({{"model":"tiny","max_tokens":100,{}"messages":[{{"role":"user","content":"hi"}}]}})",
        members);
  }
  std::shared_ptr<FakeExchange> ask_metered(std::string body) {
    return ask("POST", kPath, "sk-metered", std::move(body));
  }
  // Whose answer waits for the engine.
  std::shared_ptr<FakeExchange> begin(std::string body) {
    auto exchange = std::make_shared<FakeExchange>();
    net::HttpRequest asked = request("POST", kPath, std::move(body));
    asked.headers.add("Authorization", "Bearer sk-metered");
    const int before = engine.submitted;
    keyed->handle(std::move(asked), exchange);
    while (engine.submitted == before) std::this_thread::yield();
    return exchange;
  }
  static int left(const FakeExchange& exchange) {
    return std::stoi(exchange.headers().get("X-RateLimit-Remaining-Tokens").value_or("-1"));
  }
  // As the next answer says, which uses six.
  int left_after_another() { return left(*ask_metered(asking())); }
};

TEST_F(BudgetTest, RequestsAtOnceHoldWhatTheyMayUse) {
  engine.hold = true;
  std::vector<std::shared_ptr<FakeExchange>> running;
  std::vector<std::shared_ptr<FakeEngine::Held>> held;
  const auto release = [&](std::size_t i) {
    engine.held = held[i];
    engine.release();
    running[i]->wait();
  };
  for (int i = 0; i < 4; ++i) {
    running.push_back(begin(asking()));
    held.push_back(engine.held);
  }
  const auto refused = ask_metered(asking());
  EXPECT_EQ(refused->status(), 429);
  EXPECT_EQ(parsed(*refused)["error"]["code"], "rate_limit_exceeded");
  EXPECT_EQ(engine.jobs.size(), 4U);
  release(0);
  running.push_back(begin(asking()));
  held.push_back(engine.held);
  EXPECT_EQ(engine.jobs.size(), 5U) << "what the first did not use is back";
  for (std::size_t i = 1; i < 5; ++i) release(i);
}

TEST_F(BudgetTest, SeveralAnswersHoldForEach) {
  engine.hold = true;
  const auto held = begin(asking(R"("n":4,)"));
  EXPECT_EQ(ask_metered(asking(R"("n":4,)"))->status(), 429);
  engine.release();
  held->wait();
}

TEST_F(BudgetTest, AnAnswerSaysWhatIsLeftWhenItIsOver) {
  const auto answered = ask_metered(asking());
  EXPECT_EQ(answered->status(), 200);
  EXPECT_GE(left(*answered), 494);
}

TEST_F(BudgetTest, WhatTheQueueRefusesCostsNothing) {
  engine.refuse = Errc::limit;
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(parsed(*ask_metered(asking()))["error"]["code"], "queue_full") << i;
  }
  engine.refuse.reset();
  engine.starts = false;
  engine.finish = engine::Finish::expired;
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(parsed(*ask_metered(asking()))["error"]["code"], "queue_timeout") << i;
  }
  engine.starts = true;
  engine.finish = engine::Finish::stop;
  EXPECT_GE(left_after_another(), 494);
}

TEST_F(BudgetTest, WhoGoesAwayPaysForWhatWasRead) {
  engine.hold = true;
  for (int i = 0; i < 4; ++i) {
    const auto exchange = begin(asking(R"("stream":true,)"));
    exchange->client_goes_away();
    engine.release();
    // Given back when nobody holds the request any more.
    while (left(*ask("GET", "/v1/models", "sk-metered")) < 480) std::this_thread::yield();
  }
  EXPECT_EQ(engine.jobs.size(), 4U);
}

TEST_F(BudgetTest, WhatFailsGivesBackTheRest) {
  for (const std::string_view stream : {"", R"("stream":true,)"}) {
    engine.finish = engine::Finish::error;
    for (int i = 0; i < 4; ++i) ask_metered(asking(stream));
    engine.finish = engine::Finish::stop;
    EXPECT_GE(left_after_another(), 400);
  }
}

TEST_F(BudgetTest, CountingPaysForThePromptAlone) {
  auto exchange = std::make_shared<FakeExchange>();
  const std::string body = fmt::format(
      R"({{"model":"tiny","messages":[{{"role":"user","content":"{}"}}]}})", std::string(99, 'x'));
  net::HttpRequest counting = request("POST", "/v1/messages/count_tokens", body);
  counting.headers.add("Authorization", "Bearer sk-metered");
  counting.headers.add("anthropic-version", "2023-06-01");
  keyed->handle(std::move(counting), exchange);
  exchange->wait();
  EXPECT_EQ(exchange->status(), 200);
  EXPECT_GE(left(*exchange), 400);
  EXPECT_LE(left(*exchange), 480);
}

TEST_F(OperationsTest, ReadinessSaysWhyNot) {
  EXPECT_EQ(ask("GET", "/ready", "")->status(), 200);
  clock.set(identity->not_after());
  auto refused = ask("GET", "/ready", "");
  EXPECT_EQ(refused->status(), 503);
  EXPECT_THAT(refused->body(), HasSubstr("keyset has expired"));
  clock.set(from_unix(kNow));
  keyed->begin_drain();
  refused = ask("GET", "/ready", "");
  EXPECT_EQ(refused->status(), 503);
  EXPECT_THAT(refused->body(), HasSubstr("stopping"));
  EXPECT_EQ(ask("GET", "/health", "")->status(), 200) << "it lives on until it has stopped";
}

TEST_F(OperationsTest, AFullQueueIsNotReady) {
  engine.load.waiting = 1;
  EXPECT_EQ(ask("GET", "/ready", "")->status(), 200);
  engine.load.waiting = 2;
  const auto refused = ask("GET", "/ready", "");
  EXPECT_EQ(refused->status(), 503);
  EXPECT_THAT(refused->body(), HasSubstr("queue is full"));
}

TEST_F(OperationsTest, MetricsHaveTheNamesThatDashboardsKnow) {
  ask("POST", kPath, "sk-good", std::string(kHello));
  ask("POST", kPath, "sk-bad", std::string(kHello));
  const std::string text = ask("GET", "/metrics", "")->body();
  for (const std::string name :
       {"time_to_first_token_seconds_count", "time_per_output_token_seconds_count",
        "e2e_request_latency_seconds_count", "request_queue_time_seconds_count",
        "request_prefill_time_seconds_count", "request_decode_time_seconds_count"}) {
    EXPECT_THAT(text, HasSubstr("confide_" + name + "{model=\"tiny\"} 1\n"));
  }
  EXPECT_THAT(text, HasSubstr("confide_inter_token_latency_seconds_count{model=\"tiny\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("confide_prompt_tokens_total{model=\"tiny\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("confide_generation_tokens_total{model=\"tiny\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("confide_prefix_cache_queries_total{model=\"tiny\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("confide_prefix_cache_hits_total{model=\"tiny\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("confide_num_requests_running{model=\"tiny\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("confide_num_requests_waiting{model=\"tiny\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("confide_request_errors_total{type=\"authentication\"} 1\n"));
  EXPECT_THAT(
      text, HasSubstr("confide_requests_total{route=\"/v1/chat/completions\",status=\"200\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("confide_key_tokens_total{key=\"good\"} 6\n"));
}

TEST_F(OperationsTest, KeysNameNoMetricUnlessAsked) {
  keyed = make(false);
  ask("POST", kPath, "sk-good", std::string(kHello));
  EXPECT_THAT(metrics.text(), Not(HasSubstr("good")));
}

TEST_F(OperationsTest, NothingThatWasSaidOrShownIsRecorded) {
  ::testing::internal::CaptureStderr();
  const std::string body =
      R"({"model":"tiny","messages":[{"role":"user","content":"marmalade"}],"user":"petra"})";
  engine.pieces = {{"rhubarb"}};
  ask("POST", std::string(kPath) + "?q=sherbet", "sk-good", body);
  ask("POST", kPath, "sk-hidden", body);
  ask("GET", "/v1/models/nougat", "sk-good");
  ask("BREW", "/treacle", "sk-good", "{broken marmalade");
  pool->stop();
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("route=/v1/chat/completions status=200 complete=true"));
  EXPECT_THAT(log, HasSubstr("key=good"));
  EXPECT_THAT(log, HasSubstr("prompt_tokens=10"));
  for (const std::string& text : {log, metrics.text()}) {
    for (const std::string word : {"marmalade", "rhubarb", "petra", "sherbet", "nougat", "treacle",
                                   "sk-", "192.0.2", "0af7651916cd43dd8448eb211c80319c", "BREW"}) {
      EXPECT_THAT(text, Not(HasSubstr(word)));
    }
  }
}

TEST_F(OperationsTest, ATraceHasTheMomentsOfItsRequest) {
  ask("POST", kPath, "sk-good", std::string(kHello));
  pool->stop();
  const auto all = traces->all();
  ASSERT_EQ(all.size(), 1U);
  const RequestFacts& facts = all[0];
  EXPECT_EQ(facts.route, kPath);
  EXPECT_EQ(facts.status, 200);
  EXPECT_TRUE(facts.complete);
  EXPECT_EQ(facts.model, "tiny");
  EXPECT_EQ(facts.finish, engine::Finish::stop);
  EXPECT_EQ(facts.usage.completion_tokens, 3);
  ASSERT_TRUE(facts.parent);
  EXPECT_EQ(facts.parent->span_id, "b7ad6b7169203331");
  ASSERT_TRUE(facts.submitted && facts.started && facts.first_text && facts.last_text);
  EXPECT_LE(facts.received, *facts.submitted);
  EXPECT_LE(*facts.submitted, *facts.started);
  EXPECT_LE(*facts.first_text, *facts.last_text);
  EXPECT_LE(*facts.last_text, facts.over);
  EXPECT_THAT(facts.peer, IsEmpty());
}

TEST_F(OperationsTest, EveryAnswerHasAnId) {
  const auto one = ask("GET", "/v1/models", "sk-good")->headers().get("X-Request-Id");
  const auto two = ask("GET", "/v1/models", "sk-bad")->headers().get("X-Request-Id");
  ASSERT_TRUE(one && two);
  EXPECT_THAT(*one, ::testing::MatchesRegex("req-[0-9a-f]+"));
  EXPECT_NE(*one, *two);
}

}  // namespace
}  // namespace confide::api
