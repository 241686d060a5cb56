// POST /v1/embeddings, from the request to the receipt.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/service_fixture_test.h"
#include "base/base64.h"
#include "crypto/hash.h"

namespace confide::api {
namespace {

using ::testing::HasSubstr;

// The vector of a text is its length and its first token.
class FakeEmbedder final : public engine::Embedder {
 public:
  std::optional<Errc> refuse;
  std::optional<Errc> broken;
  bool hold = false;
  Done held;  // to be called by the test
  std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);
  int texts = 0;

  const engine::ModelInfo& info() const noexcept override { return info_; }
  const std::string& build() const noexcept override { return build_; }
  int dimensions() const noexcept override { return 2; }
  int vocabulary_size() const noexcept override { return 1000; }
  Result<std::vector<engine::Token>> tokenize(std::string_view text) const override {
    return std::vector<engine::Token>(text.size(), 7);
  }
  Result<std::unique_ptr<engine::Ticket>> submit(engine::EmbeddingJob asked, Done done) override {
    if (refuse) return fail(*refuse, "refused");
    if (hold) {
      held = std::move(done);
      return std::make_unique<FakeTicket>(cancelled);
    }
    if (broken) {
      done(fail(*broken, "broken"));
      return std::make_unique<FakeTicket>(cancelled);
    }
    std::vector<engine::Vector> out;
    for (const auto& text : asked.texts) {
      ++texts;
      out.push_back({static_cast<float>(text.size()), static_cast<float>(text[0]) / 10.0F});
    }
    done(std::move(out));
    return std::make_unique<FakeTicket>(cancelled);
  }
  void stop() override {}

 private:
  class FakeTicket final : public engine::Ticket {
   public:
    explicit FakeTicket(std::shared_ptr<std::atomic<bool>> cancelled)
        : cancelled_(std::move(cancelled)) {}
    void cancel() noexcept override { *cancelled_ = true; }

   private:
    std::shared_ptr<std::atomic<bool>> cancelled_;
  };

  engine::ModelInfo info_{.description = "fake", .context_length = 20, .parameters = 1};
  std::string build_ = "fake-embedder 1";
};

struct EmbeddingsTest : ServiceTest {
  FakeEmbedder embedder;
  std::unique_ptr<Identity> own_identity = make_identity();
  Service embedding{{.provenance = {}}, with_embedder(), *own_identity};

  ServiceParts with_embedder() {
    ServiceParts out = parts();
    out.embedders.push_back(
        {.name = "vectors", .digest = "sha256:" + std::string(64, 'b'), .embedder = embedder});
    return out;
  }
  std::shared_ptr<FakeExchange> send(net::HttpRequest asked) {
    auto exchange = std::make_shared<FakeExchange>();
    embedding.handle(std::move(asked), exchange);
    exchange->wait();
    return exchange;
  }
  std::shared_ptr<FakeExchange> post(const std::string& body) {
    return send(request("POST", "/v1/embeddings", body));
  }
  void expect_refused(const std::string& body, const std::string& param) {
    const auto refused = post(body);
    EXPECT_EQ(refused->status(), 400) << body;
    EXPECT_EQ(parsed(*refused)["error"]["param"], param) << refused->body();
  }
};

TEST_F(EmbeddingsTest, EachTextGetsItsVectorInOrder) {
  const auto answer = post(R"({"model":"vectors","input":["abc","x",[5,6]]})");
  ASSERT_EQ(answer->status(), 200) << answer->body();
  EXPECT_EQ(parsed(*answer), json::parse(R"({"object":"list","data":[
              {"object":"embedding","index":0,"embedding":[3.0,0.7]},
              {"object":"embedding","index":1,"embedding":[1.0,0.7]},
              {"object":"embedding","index":2,"embedding":[2.0,0.5]}],
              "model":"vectors","usage":{"prompt_tokens":6,"total_tokens":6}})")
                                 .value());
}

TEST_F(EmbeddingsTest, OneTextAndOneListOfTokensAreInputsToo) {
  EXPECT_EQ(parsed(*post(R"({"model":"vectors","input":"abcd"})"))["data"].size(), 1U);
  EXPECT_EQ(parsed(*post(R"({"model":"vectors","input":[5,6,7]})"))["data"].size(), 1U);
  EXPECT_EQ(embedder.texts, 2);
}

TEST_F(EmbeddingsTest, Base64IsOfLittleEndianFloats) {
  const auto answer =
      post(R"({"model":"vectors","input":"abc","encoding_format":"base64","dimensions":2})");
  const auto bytes = from_base64(parsed(*answer)["data"][0]["embedding"].get<std::string>());
  EXPECT_EQ(to_hex(bytes.value()), "000040403333333f");
}

TEST_F(EmbeddingsTest, ReceiptCoversWhatWasSent) {
  const std::string body = R"({"model":"vectors","input":"abc"})";
  const auto answer = post(body);
  const auto found = get("/v1/aci/receipts/" + answer->headers().get("X-Receipt-Id").value());
  const Json receipt = json::parse(found->body()).value();
  EXPECT_EQ(receipt["endpoint"], "/v1/embeddings");
  EXPECT_EQ(receipt["chat_id"], nullptr);
  EXPECT_EQ(event_hash(receipt, "request.received"), crypto::sha256_tag(as_bytes(body)));
  EXPECT_EQ(event_hash(receipt, "response.returned"), crypto::sha256_tag(as_bytes(answer->body())));
}

TEST_F(EmbeddingsTest, RefusalsNameTheMember) {
  expect_refused(R"({"input":"abc"})", "model");
  expect_refused(R"({"model":"vectors"})", "input");
  for (const char* input : {"[]", "\"\"", "[\"a\",\"\"]", "5", "[1.5]", "[-1]", "[[]]", "[[1000]]",
                            "[\"a\",5]", "{}", "[[5],[null]]", "\"aaaaaaaaaaaaaaaaaaaaa\""}) {
    expect_refused(std::string(R"({"model":"vectors","input":)") + input + "}", "input");
  }
  expect_refused(R"({"model":"vectors","input":"a","dimensions":3})", "dimensions");
  expect_refused(R"({"model":"vectors","input":"a","encoding_format":"hex"})", "encoding_format");
  expect_refused(R"({"model":"vectors","input":"a","wish":1})", "wish");
  expect_refused(R"({"model":"tiny","input":"a"})", "model");
  EXPECT_EQ(post(R"({"model":"none","input":"a"})")->status(), 404);
  EXPECT_EQ(embedder.texts, 0);
}

TEST_F(EmbeddingsTest, ModelThatOnlyMakesEmbeddingsAnswersNoChat) {
  const auto refused =
      send(request("POST", "/v1/chat/completions",
                   R"({"model":"vectors","messages":[{"role":"user","content":"hi"}]})"));
  EXPECT_EQ(refused->status(), 400);
  EXPECT_THAT(refused->body(), HasSubstr("/v1/embeddings"));
}

TEST_F(EmbeddingsTest, FullQueueAndFailuresAreSaid) {
  embedder.refuse = Errc::limit;
  const auto full = post(R"({"model":"vectors","input":"a"})");
  EXPECT_EQ(full->status(), 429);
  EXPECT_TRUE(full->headers().has("Retry-After"));
  embedder.refuse.reset();
  embedder.broken = Errc::internal;
  const auto failed = post(R"({"model":"vectors","input":"a"})");
  EXPECT_EQ(failed->status(), 500);
  EXPECT_TRUE(failed->headers().has("X-Receipt-Id"));
  embedder.broken = Errc::expired;
  const auto late = post(R"({"model":"vectors","input":"a"})");
  EXPECT_EQ(late->status(), 429);
  EXPECT_EQ(parsed(*late)["error"]["code"], "queue_timeout");
  EXPECT_FALSE(late->headers().has("X-Receipt-Id"));
  embedder.broken.reset();
  store.broken = true;
  const auto unfiled = post(R"({"model":"vectors","input":"a"})");
  EXPECT_EQ(unfiled->status(), 500);
  EXPECT_FALSE(unfiled->headers().has("X-Receipt-Id"));
}

TEST_F(EmbeddingsTest, NothingIsComputedForClientsWhoLeft) {
  embedder.hold = true;
  auto exchange = std::make_shared<FakeExchange>();
  embedding.handle(request("POST", "/v1/embeddings", R"({"model":"vectors","input":"a"})"),
                   exchange);
  // Until the request is under way there is nothing to cancel.
  for (int i = 0; i < 5000 && !*embedder.cancelled; ++i) {
    exchange->client_goes_away();
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  ASSERT_TRUE(*embedder.cancelled);
  std::exchange(embedder.held, {})(fail(Errc::unavailable, "cancelled"));
  exchange->wait();
  EXPECT_THAT(metrics.text(), HasSubstr("confide_answers_total{finish=\"cancelled\"} 1\n"));
}

TEST_F(EmbeddingsTest, MetricsCountItAsAnyRequest) {
  EXPECT_EQ(post(R"({"model":"vectors","input":["abc","de"]})")->status(), 200);
  embedder.broken = Errc::internal;
  EXPECT_EQ(post(R"({"model":"vectors","input":"abc"})")->status(), 500);
  const std::string text = metrics.text();
  for (const std::string line :
       {"confide_prompt_tokens_total{model=\"vectors\"} 5\n",
        "confide_generation_tokens_total{model=\"vectors\"} 0\n",
        "confide_prefix_cache_queries_total{model=\"vectors\"} 0\n",
        "confide_e2e_request_latency_seconds_count{model=\"vectors\"} 2\n",
        "confide_answers_total{finish=\"stop\"} 1\n", "confide_answers_total{finish=\"error\"} 1\n",
        "confide_request_errors_total{type=\"internal\"} 1\n",
        "confide_requests_total{route=\"/v1/embeddings\",status=\"200\"} 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST_F(EmbeddingsTest, TheKeysBudgetPaysForWhatWasEmbedded) {
  ApiKey limited{.name = "limited", .every_model = true};
  limited.digest = crypto::sha256(as_bytes("sk-limited"));
  limited.tokens_per_minute = 30;
  const Access access({limited});
  ServiceParts keyed = with_embedder();
  keyed.access = &access;
  const auto other = make_identity();
  Service metered{{.provenance = {}}, std::move(keyed), *other};
  const auto ask = [&](std::string body) {
    auto exchange = std::make_shared<FakeExchange>();
    net::HttpRequest asked = request("POST", "/v1/embeddings", std::move(body));
    asked.headers.add("Authorization", "Bearer sk-limited");
    metered.handle(std::move(asked), exchange);
    exchange->wait();
    return exchange;
  };
  const std::string twenty = R"({"model":"vectors","input":"aaaaaaaaaaaaaaaaaaaa"})";
  embedder.refuse = Errc::limit;
  EXPECT_EQ(parsed(*ask(twenty))["error"]["code"], "queue_full");
  embedder.refuse.reset();
  embedder.broken = Errc::internal;
  EXPECT_EQ(ask(twenty)->status(), 500);
  embedder.broken.reset();
  EXPECT_EQ(ask(twenty)->status(), 200) << "neither cost anything";
  EXPECT_EQ(parsed(*ask(twenty))["error"]["code"], "rate_limit_exceeded");
}

TEST_F(EmbeddingsTest, ModelsListsItWithItsDimensions) {
  const Json listed = parsed(*send(request("GET", "/v1/models")))["data"];
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[1]["id"], "vectors");
  EXPECT_EQ(listed[1]["dimensions"], 2);
  EXPECT_EQ(parsed(*send(request("GET", "/v1/models/vectors")))["id"], "vectors");
}

TEST_F(EmbeddingsTest, SealedFieldsAreTheTextsAndTheVectors) {
  const auto keyset = aci::parse_keyset(own_identity->published()->keyset).value().keyset;
  std::string key;
  for (const auto& entry : keyset.e2ee_public_keys) {
    if (entry.algo == seal::to_string(seal::Suite::x25519)) key = entry.public_key;
  }
  auto client = seal::ClientExchange::start(seal::Suite::x25519, key, clock.now()).value();
  Json body = json::parse(R"({"model":"vectors","input":["abc","secret"]})").value();
  ASSERT_TRUE(client.seal_request(body, seal::Endpoint::embeddings));
  EXPECT_EQ(json::compact(body).find("secret"), std::string::npos);
  auto sealed = request("POST", "/v1/embeddings", json::compact(body));
  for (const auto& [name, value] : client.headers()) sealed.headers.set(name, value);
  const auto answer = send(std::move(sealed));
  ASSERT_EQ(answer->status(), 200) << answer->body();
  Json opened = parsed(*answer);
  EXPECT_TRUE(opened["data"][0]["embedding"].is_string());
  ASSERT_TRUE(client.open_body(opened));
  EXPECT_EQ(opened["data"][1]["embedding"], json::parse("[6.0,0.7]").value());
}

}  // namespace
}  // namespace confide::api
