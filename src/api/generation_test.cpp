// Several answers to one request, the queue, and whose cache a prompt goes to.
#include "api/generation.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service_fixture_test.h"
#include "net/sse.h"

namespace confide::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct GenerationTest : ServiceTest {
  std::shared_ptr<FakeExchange> complete(std::string body) {
    return call(request("POST", "/v1/completions", std::move(body)));
  }
  // The content of each choice of a stream.
  static std::vector<std::string> streamed_texts(const FakeExchange& exchange,
                                                 std::size_t choices) {
    std::vector<std::string> out(choices);
    net::SseParser parser([&](std::string_view data) {
      const Json chunk = json::parse(data).value();
      for (const Json& choice : chunk["choices"]) {
        const auto index = choice["index"].get<std::size_t>();
        out.at(index) += choice["delta"].value("content", "");
      }
    });
    EXPECT_TRUE(parser.feed(exchange.body()));
    EXPECT_TRUE(parser.complete());
    return out;
  }
};

constexpr std::string_view kTwo =
    R"({"model":"tiny","n":2,"messages":[{"role":"user","content":"hi"}]})";
constexpr std::string_view kTwoStreamed =
    R"({"model":"tiny","n":2,"stream":true,"messages":[{"role":"user","content":"hi"}]})";

TEST_F(GenerationTest, SeveralChoicesAnswerOnePromptThatCountsOnce) {
  engine.more_pieces = {{{"Lon"}, {"don"}}};
  engine.cached_tokens = 2;
  const auto exchange = chat(std::string(kTwo));
  const Json answer = parsed(*exchange);
  ASSERT_EQ(answer["choices"].size(), 2U);
  EXPECT_EQ(answer["choices"][0]["message"]["content"], "Paris.");
  EXPECT_EQ(answer["choices"][1]["message"]["content"], "London");
  EXPECT_EQ(answer["choices"][1]["index"], 1);
  EXPECT_EQ(answer["usage"]["prompt_tokens"], 3);
  EXPECT_EQ(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 2);
  EXPECT_EQ(answer["usage"]["completion_tokens"], 5);
  EXPECT_EQ(engine.jobs.size(), 1U) << "the prompt is read once";
  const Json receipt = receipt_of(*exchange);
  for (const Json& event : receipt["event_log"]) {
    if (event["type"] == "confide.execution") {
      EXPECT_EQ(event["prompt_tokens"], 3);
      EXPECT_EQ(event["completion_tokens"], 5);
    }
  }
}

TEST_F(GenerationTest, StreamedChoicesInterleaveAndEachEnds) {
  engine.more_pieces = {{{"Lon"}, {"don"}}};
  const auto exchange = chat(std::string(kTwoStreamed));
  EXPECT_THAT(streamed_texts(*exchange, 2), ElementsAre("Paris.", "London"));
  std::size_t ends = 0;
  for (std::size_t at = 0;
       (at = exchange->body().find("\"finish_reason\":\"stop\"", at)) != std::string::npos; ++at) {
    ++ends;
  }
  EXPECT_EQ(ends, 2U);
  EXPECT_EQ(event_hash(receipt_of(*exchange), "response.returned"),
            crypto::sha256_tag(as_bytes(exchange->body())));
}

TEST_F(GenerationTest, SeveralPromptsHaveChoicesOfTheirOwnAndSumUp) {
  const auto exchange = complete(R"({"model":"tiny","prompt":["ab","cde"],"n":2,"seed":5})");
  const Json answer = parsed(*exchange);
  ASSERT_EQ(answer["choices"].size(), 4U);
  EXPECT_EQ(answer["choices"][3]["index"], 3);
  EXPECT_EQ(answer["usage"]["prompt_tokens"], 5);
  EXPECT_EQ(answer["usage"]["completion_tokens"], 12);
  ASSERT_EQ(engine.jobs.size(), 2U);
  EXPECT_EQ(engine.jobs[1].prompt.size(), 3U);
  EXPECT_EQ(engine.jobs[1].sampling.seed, 5U);
}

TEST_F(GenerationTest, AQueueThatIsFullForOnePromptRefusesAll) {
  engine.accepts = 1;
  engine.hold = true;
  const auto refused = complete(R"({"model":"tiny","prompt":["ab","cde"]})");
  EXPECT_EQ(refused->status(), 429);
  EXPECT_EQ(parsed(*refused)["error"]["code"], "queue_full");
  engine.release();
  EXPECT_FALSE(refused->streamed());
}

TEST_F(GenerationTest, WhoWaitedTooLongIsRefusedInPlainStreamedOrNot) {
  engine.starts = false;
  engine.finish = engine::Finish::expired;
  for (const auto body : {kTwo, kTwoStreamed}) {
    const auto refused = chat(std::string(body));
    EXPECT_EQ(refused->status(), 429);
    EXPECT_FALSE(refused->streamed());
    EXPECT_EQ(error_type(*refused), "rate_limit_error");
    EXPECT_EQ(parsed(*refused)["error"]["code"], "queue_timeout");
    EXPECT_TRUE(refused->headers().has("Retry-After"));
    EXPECT_FALSE(refused->headers().has("X-Receipt-Id"));
    EXPECT_EQ(refused->headers().get("X-ACI-Keyset-Digest"), identity->published()->digest);
  }
}

TEST_F(GenerationTest, AStreamBeginsWhenTheEngineDoesAndNotBefore) {
  engine.hold = true;
  engine.starts = false;
  auto exchange = std::make_shared<FakeExchange>();
  service.handle(request("POST", "/v1/chat/completions", std::string(kTwoStreamed)), exchange);
  while (engine.submitted == 0) std::this_thread::yield();
  EXPECT_FALSE(exchange->streamed());
  engine.starts = true;
  engine.held->sinks[1]->on_start();
  engine.release();
  exchange->wait();
  EXPECT_TRUE(exchange->streamed());
  EXPECT_THAT(streamed_texts(*exchange, 2), ElementsAre("Paris.", "Paris."));
}

TEST_F(GenerationTest, AChoiceThatFailsTakesTheAnswerWithIt) {
  engine.last_finish = engine::Finish::error;
  const auto buffered = chat(std::string(kTwo));
  EXPECT_EQ(buffered->status(), 500);
  EXPECT_EQ(buffered->body().find("Paris"), std::string::npos);
  const auto streamed = chat(std::string(kTwoStreamed));
  EXPECT_THAT(streamed->body(), HasSubstr("\"type\":\"internal_error\""));
  EXPECT_THAT(streamed->body(), HasSubstr("data: [DONE]"));
  EXPECT_EQ(event_hash(receipt_of(*streamed), "response.returned"),
            crypto::sha256_tag(as_bytes(streamed->body())));
}

TEST_F(GenerationTest, CachesAreSharedByOneCallerOrOneSaltAlone) {
  const auto key = [this](std::string_view extra, std::string_view credential) {
    auto asking = request("POST", "/v1/chat/completions",
                          fmt::format(R"({{"model":"tiny",{}"messages":[
                                          {{"role":"user","content":"hi"}}]}})",
                                      extra));
    if (!credential.empty())
      asking.headers.set("Authorization", fmt::format("Bearer {}", credential));
    EXPECT_EQ(call(std::move(asking))->status(), 200);
    return engine.jobs.back().cache_key;
  };
  const std::string alice = key("", "alice");
  const std::string salted = key(R"("cache_salt":"s",)", "alice");
  EXPECT_EQ(key("", ""), "") << "nobody's prompt is kept for nobody";
  EXPECT_EQ(key("", "alice"), alice);
  EXPECT_NE(key("", "bob"), alice);
  EXPECT_NE(key(R"("cache_salt":"alice",)", ""), alice);
  EXPECT_NE(salted, alice);
  EXPECT_EQ(key(R"("cache_salt":"s",)", "bob"), salted) << "both asked for it";
  EXPECT_EQ(key(R"("cache_salt":"s",)", ""), salted);
  EXPECT_NE(key(R"("cache_salt":"t",)", ""), salted);
  EXPECT_NE(key(R"("prompt_cache_key":"p",)", "alice"), alice);
  EXPECT_NE(key(R"("prompt_cache_key":"p",)", "alice"), key(R"("prompt_cache_key":"p",)", "bob"));
  EXPECT_EQ(key(R"("prompt_cache_key":"p",)", ""), "") << "no secret, so no key";
  // A salt cannot be made to look like somebody's credential.
  const std::string owner = crypto::sha256_tag(as_bytes("alice"));
  EXPECT_NE(key(fmt::format(R"("cache_salt":"{}",)", owner), ""), alice);

  for (const std::string bad : {R"("")", "1", R"([])"}) {
    const auto refused = chat(fmt::format(
        R"({{"model":"tiny","cache_salt":{},"messages":[{{"role":"user","content":"hi"}}]}})",
        bad));
    EXPECT_EQ(refused->status(), 400) << bad;
    EXPECT_EQ(parsed(*refused)["error"]["param"], "cache_salt") << bad;
  }
}

TEST_F(GenerationTest, EachModelIsAnsweredByItsOwnEngine) {
  FakeEngine large;
  large.pieces = {{"Rome"}};
  ServiceParts both = parts();
  both.models.push_back({.name = "org/large",
                         .aliases = {"big"},
                         .digest = "sha256:" + std::string(64, 'b'),
                         .engine = large});
  const auto other = make_identity();
  Service two({.provenance = {}}, std::move(both), *other);
  const auto ask = [&](std::string method, std::string path, std::string body = "") {
    auto exchange = std::make_shared<FakeExchange>();
    two.handle(request(std::move(method), std::move(path), std::move(body)), exchange);
    exchange->wait();
    return exchange;
  };
  for (const std::string name : {"org/large", "big"}) {
    const auto answered =
        ask("POST", "/v1/completions", fmt::format(R"({{"model":"{}","prompt":"x"}})", name));
    EXPECT_EQ(parsed(*answered)["choices"][0]["text"], "Rome");
    EXPECT_EQ(parsed(*answered)["model"], "org/large");
    EXPECT_EQ(parsed(*ask("GET", "/v1/models/" + name))["id"], "org/large");
  }
  EXPECT_EQ(parsed(*ask("GET", "/v1/models/org%2Flarge"))["digest"],
            "sha256:" + std::string(64, 'b'));
  EXPECT_TRUE(engine.jobs.empty());
  EXPECT_EQ(parsed(*ask("GET", "/v1/models"))["data"].size(), 2U);
  const auto missing = ask("POST", "/v1/completions", R"({"model":"none","prompt":"x"})");
  EXPECT_EQ(missing->status(), 404);
  EXPECT_EQ(parsed(*missing)["error"]["code"], "model_not_found");
  EXPECT_THAT(missing->body(), HasSubstr("'tiny', 'org/large'"));
}

}  // namespace
}  // namespace confide::api
