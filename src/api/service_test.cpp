#include "api/service.h"

#include <latch>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service_fixture_test.h"
#include "net/sse.h"

namespace confide::api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(ServiceTest, BufferedChatHasOpenAiShapeAndAReceiptOverTheExactBytes) {
  const std::string body =
      " {\"model\":\"tiny\", \"messages\":[{\"role\":\"user\",\"content\":\"h\u00e9\"}]}\n";
  const auto exchange = chat(body);
  EXPECT_EQ(exchange->status(), 200);
  EXPECT_EQ(exchange->headers().get("Content-Type"), "application/json");
  const Json answer = parsed(*exchange);
  EXPECT_EQ(answer["object"], "chat.completion");
  EXPECT_EQ(answer["choices"][0]["message"]["content"], "Paris.");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(answer["usage"]["total_tokens"], 7);

  const Json receipt = receipt_of(*exchange);
  EXPECT_EQ(receipt["chat_id"], answer["id"]);
  EXPECT_EQ(receipt["event_log"][0]["type"], "request.received");
  EXPECT_EQ(event_hash(receipt, "request.received"), crypto::sha256_tag(as_bytes(body)));
  EXPECT_EQ(event_hash(receipt, "request.forwarded"), crypto::sha256_tag(as_bytes(body)));
  EXPECT_EQ(event_hash(receipt, "response.returned"),
            crypto::sha256_tag(as_bytes(exchange->body())));
  const auto keyset = aci::parse_keyset(identity->published()->keyset).value();
  const auto verified = aci::verify_receipt(json::compact(receipt), keyset);
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->execution()->model_digest, "sha256:" + std::string(64, 'a'));
  EXPECT_EQ(verified->execution()->finish_reason, "stop");
}

TEST_F(ServiceTest, StreamEndsWithUsageAndDoneAndItsReceiptCoversEveryByte) {
  const auto exchange = chat(
      R"({"model":"tiny","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]})");
  EXPECT_TRUE(exchange->streamed());
  EXPECT_EQ(exchange->headers().get("Content-Type"), "text/event-stream");
  std::string text;
  Json last;
  net::SseParser parser([&](std::string_view data) {
    if (data == "[DONE]") return;
    last = json::parse(data).value();
    EXPECT_TRUE(last.contains("usage"));
    if (!last["choices"].empty() && last["choices"][0]["delta"].contains("content")) {
      text += last["choices"][0]["delta"]["content"];
    }
  });
  ASSERT_TRUE(parser.feed(exchange->body()));
  EXPECT_TRUE(parser.complete());
  EXPECT_EQ(text, "Paris.");
  EXPECT_EQ(last["usage"]["completion_tokens"], 3);
  EXPECT_EQ(event_hash(receipt_of(*exchange), "response.returned"),
            crypto::sha256_tag(as_bytes(exchange->body())));
}

TEST_F(ServiceTest, EveryResponseNamesVersionAndKeyset) {
  for (const auto& exchange :
       {get("/"), get("/health"), get("/v1/models"), get("/nowhere"), get("/v1/aci/attestation"),
        chat("not json"), chat(std::string(kHello)), call(request("OPTIONS", "/v1/models")),
        call(request("DELETE", "/v1/models"))}) {
    EXPECT_EQ(exchange->headers().get("X-ACI-Version"), "aci/1");
    EXPECT_EQ(exchange->headers().get("X-ACI-Keyset-Digest"), identity->published()->digest);
  }
  EXPECT_EQ(service.transport_error(413, "too large", "").headers.get("X-ACI-Version"), "aci/1");
}

TEST_F(ServiceTest, NonceRules) {
  const std::string good(64, 'a');
  const auto challenged = get("/v1/aci/attestation?nonce=" + good);
  ASSERT_EQ(challenged->status(), 200);
  const Json report = parsed(*challenged);
  EXPECT_EQ(report["workload_keyset_digest"], identity->published()->digest);
  EXPECT_EQ(report["attestation"]["report_data"],
            to_hex(aci::report_data(identity->published()->digest, good)));
  EXPECT_NE(parsed(*get("/v1/aci/attestation"))["attestation"]["report_data"],
            report["attestation"]["report_data"]);
  for (const std::string& bad :
       {std::string(64, 'A'), std::string(32, 'a'), "0x" + std::string(64, 'a'),
        std::string(63, 'a'), std::string(65, 'a'), std::string(), std::string(64, 'g')}) {
    const auto refused = get("/v1/aci/attestation?nonce=" + bad);
    EXPECT_EQ(refused->status(), 400) << bad;
    EXPECT_EQ(error_type(*refused), "invalid_request_error");
  }
}

TEST_F(ServiceTest, QuotesWithoutNonceAreCachedAndNoncesAreBudgeted) {
  const int before = tee.quotes;
  get("/v1/aci/attestation");
  get("/v1/aci/attestation");
  EXPECT_EQ(tee.quotes, before + 1);
  int refused = 0;
  for (int i = 0; i < 100; ++i) {
    refused += get("/v1/aci/attestation?nonce=" + std::string(64, 'b'))->status() == 429 ? 1 : 0;
  }
  EXPECT_GT(refused, 0);
  clock.set(from_unix(kNow + 10));
  EXPECT_EQ(get("/v1/aci/attestation?nonce=" + std::string(64, 'b'))->status(), 200);
}

TEST_F(ServiceTest, OneAddressCannotTakeAllQuotesFromTheOthers) {
  const auto ask = [&](const std::string& peer) {
    auto asking = request("GET", "/v1/aci/attestation?nonce=" + std::string(64, 'c'));
    asking.peer = peer;
    return call(std::move(asking))->status();
  };
  for (int second = 0; second < 3; ++second) {
    clock.set(from_unix(kNow + second));
    for (int i = 0; i < 100; ++i) ask("192.0.2.1");
    EXPECT_EQ(ask("192.0.2.1"), 429);
    EXPECT_EQ(ask("192.0.2.2"), 200);
    EXPECT_EQ(ask("192.0.2.3"), 200);
    EXPECT_EQ(get("/v1/aci/attestation")->status(), 200);
  }
}

TEST_F(ServiceTest, NoQuoteIsAnInternalErrorThatSaysNothing) {
  tee.broken = true;
  const auto exchange = get("/v1/aci/attestation");
  EXPECT_EQ(exchange->status(), 500);
  EXPECT_EQ(error_type(*exchange), "internal_error");
  EXPECT_EQ(exchange->body().find("no quote"), std::string::npos);
}

TEST_F(ServiceTest, ReceiptsBelongToTheirCredential) {
  auto with_key = request("POST", "/v1/chat/completions", std::string(kHello));
  with_key.headers.set("Authorization", "Bearer alice");
  const auto exchange = call(std::move(with_key));
  const std::string path = "/v1/aci/receipts/" + exchange->headers().get("X-Receipt-Id").value();
  EXPECT_EQ(get(path)->status(), 401);
  EXPECT_EQ(error_type(*get(path)), "unauthorized");

  auto wrong = request("GET", path);
  wrong.headers.set("Authorization", "Bearer mallory");
  auto missing = request("GET", "/v1/aci/receipts/rcpt-none");
  missing.headers.set("Authorization", "Bearer mallory");
  const auto refused = call(std::move(wrong));
  EXPECT_EQ(refused->status(), 404);
  EXPECT_EQ(refused->body(), call(std::move(missing))->body()) << "existence must not show";

  auto right = request("GET", path);
  right.headers.set("Authorization", "bearer  alice ");
  EXPECT_EQ(call(std::move(right))->status(), 200);
  auto by_chat_id =
      request("GET", "/v1/aci/receipts/" + parsed(*exchange)["id"].get<std::string>());
  by_chat_id.headers.set("Authorization", "Bearer alice");
  EXPECT_EQ(call(std::move(by_chat_id))->status(), 200);
}

TEST_F(ServiceTest, EveryCredentialOwnsItsReceiptHoweverItIsSent) {
  const auto with = [this](std::string method, const std::string& path, std::string body,
                           const net::Headers& headers) {
    auto out = request(std::move(method), path, std::move(body));
    out.headers = headers;
    return call(std::move(out));
  };
  const auto credential = [](std::string_view name, std::string value) {
    net::Headers out;
    out.set(name, std::move(value));
    return out;
  };
  const net::Headers kCredentials[] = {
      credential("Authorization", "BEARER alice"), credential("Authorization", "bEaReR  alice"),
      credential("X-Api-Key", "alice"), credential("Authorization", "Basic YWxpY2U="),
      credential("Authorization", "alice")};
  for (const net::Headers& headers : kCredentials) {
    const auto answered = with("POST", "/v1/chat/completions", std::string(kHello), headers);
    const std::string path = "/v1/aci/receipts/" + answered->headers().get("X-Receipt-Id").value();
    SCOPED_TRACE(headers.all()[0].first + ": " + headers.all()[0].second);
    EXPECT_EQ(get(path)->status(), 401);
    EXPECT_EQ(with("GET", path, "", credential("X-Api-Key", "mallory"))->status(), 404);
    EXPECT_EQ(with("GET", path, "", headers)->status(), 200);
  }
  for (const std::string none : {"", "Bearer", "Bearer  "}) {
    const auto answered = with("POST", "/v1/chat/completions", std::string(kHello),
                               credential("Authorization", none));
    const std::string path = "/v1/aci/receipts/" + answered->headers().get("X-Receipt-Id").value();
    EXPECT_EQ(get(path)->status(), 200) << "there is no credential in: " << none;
  }
}

TEST_F(ServiceTest, ReceiptIsThereWhenTheStreamEndsAndNotBefore) {
  engine.hold = true;
  const auto exchange = begin_stream();
  const std::string path = "/v1/aci/receipts/" + exchange->headers().get("X-Receipt-Id").value();
  EXPECT_EQ(get(path)->status(), 404);
  engine.release();
  exchange->wait();
  EXPECT_EQ(get(path)->status(), 200);
}

TEST_F(ServiceTest, ConstraintsOfADirectService) {
  const auto with = [](std::string_view provider) {
    return fmt::format(
        R"({{"model":"tiny","messages":[{{"role":"user","content":"hi"}}],"provider":{}}})",
        provider);
  };
  const auto served = chat(with(R"({"aci_verified":true,"order":["x"]})"));
  EXPECT_EQ(served->status(), 200);
  const Json receipt = receipt_of(*served);
  EXPECT_NE(event_hash(receipt, "request.forwarded"), event_hash(receipt, "request.received"));
  EXPECT_EQ(event_hash(receipt, "request.forwarded"),
            crypto::sha256_tag(as_bytes(with(R"({"order":["x"]})"))));

  const std::string id(64, '1');
  const auto pinned = chat(with(fmt::format(R"({{"aci_session_ids":["{}"]}})", id)));
  EXPECT_EQ(pinned->status(), 412);
  EXPECT_EQ(error_type(*pinned), "session_not_accepted");
  const Json refusal = receipt_of(*pinned);
  EXPECT_EQ(event_hash(refusal, "request.forwarded"), "");
  EXPECT_EQ(event_hash(refusal, "response.returned"), crypto::sha256_tag(as_bytes(pinned->body())));

  EXPECT_EQ(refusal["model"], "tiny");
  const auto endless = chat(fmt::format(
      R"({{"model":"{}","provider":{{"aci_session_ids":["{}"]}}}})", std::string(5000, 'm'), id));
  EXPECT_EQ(endless->status(), 412);
  EXPECT_EQ(receipt_of(*endless)["model"], nullptr) << "a receipt is no place to store things";

  for (const std::string_view bad :
       {R"({"aci_verified":1})", R"({"aci_other":true})", R"({"aci_session_ids":[]})",
        R"({"aci_session_ids":["xyz"]})", R"({"aci_session_ids":"x"})", R"([])", R"("x")"}) {
    const auto refused = chat(with(bad));
    EXPECT_EQ(refused->status(), 400) << bad;
    EXPECT_EQ(error_type(*refused), "invalid_request_error") << bad;
  }
  EXPECT_EQ(
      chat(with(fmt::format(R"({{"aci_verified":false,"aci_session_ids":["{}"]}})", id)))->status(),
      400);
  EXPECT_EQ(engine.jobs.size(), 1U) << "nothing refused may reach the engine";
}

TEST_F(ServiceTest, RefusesWhatItDoesNotUnderstand) {
  struct Case {
    std::string_view body, param;
    int status = 400;
  };
  for (
      const Case& c : {
          Case{"", ""},
          Case{"{", ""},
          Case{"[]", ""},
          Case{R"({"model":"tiny","model":"tiny","messages":[]})", ""},
          Case{R"({"messages":[{"role":"user","content":"hi"}]})", "model"},
          Case{R"({"model":"other","messages":[{"role":"user","content":"hi"}]})", "model", 404},
          Case{R"({"model":"tiny"})", "messages"},
          Case{R"({"model":"tiny","messages":[]})", "messages"},
          Case{R"({"model":"tiny","messages":"hi"})", "messages"},
          Case{R"({"model":"tiny","messages":[{"role":"king","content":"hi"}]})", "messages.0"},
          Case{R"({"model":"tiny","messages":[{"role":"user"}]})", "messages.0.content"},
          Case{
              R"({"model":"tiny","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]})",
              "messages.0.content.0"},
          Case{
              R"({"model":"tiny","temperature":"hot","messages":[{"role":"user","content":"hi"}]})",
              "temperature"},
          Case{R"({"model":"tiny","temperature":2.1,"messages":[{"role":"user","content":"hi"}]})",
               "temperature"},
          Case{R"({"model":"tiny","top_p":-1,"messages":[{"role":"user","content":"hi"}]})",
               "top_p"},
          Case{R"({"model":"tiny","max_tokens":0,"messages":[{"role":"user","content":"hi"}]})",
               "max_tokens"},
          Case{R"({"model":"tiny","max_tokens":1.5,"messages":[{"role":"user","content":"hi"}]})",
               "max_tokens"},
          Case{R"({"model":"tiny","seed":"x","messages":[{"role":"user","content":"hi"}]})",
               "seed"},
          Case{R"({"model":"tiny","stop":[1],"messages":[{"role":"user","content":"hi"}]})",
               "stop"},
          Case{R"({"model":"tiny","stop":"","messages":[{"role":"user","content":"hi"}]})", "stop"},
          Case{R"({"model":"tiny","stream":1,"messages":[{"role":"user","content":"hi"}]})",
               "stream"},
          Case{
              R"({"model":"tiny","stream_options":{},"messages":[{"role":"user","content":"hi"}]})",
              "stream_options"},
          Case{R"({"model":"tiny","n":0,"messages":[{"role":"user","content":"hi"}]})", "n"},
          Case{R"({"model":"tiny","tools":[{}],"messages":[{"role":"user","content":"hi"}]})",
               "tools.0.type"},
      }) {
    const auto refused = chat(std::string(c.body));
    EXPECT_EQ(refused->status(), c.status) << c.body;
    const Json error = parsed(*refused)["error"];
    EXPECT_EQ(error.size(), 4U);
    EXPECT_EQ(error["param"], c.param.empty() ? Json(nullptr) : Json(c.param)) << c.body;
    EXPECT_FALSE(refused->headers().has("X-Receipt-Id")) << c.body;
  }
  EXPECT_TRUE(engine.jobs.empty());
}

TEST_F(ServiceTest, TooLongAContextIsSaidSo) {
  const auto refused =
      chat(fmt::format(R"({{"model":"tiny","messages":[{{"role":"user","content":"{}"}}]}})",
                       std::string(300, 'x')));
  EXPECT_EQ(refused->status(), 400);
  EXPECT_EQ(parsed(*refused)["error"]["code"], "context_length_exceeded");
}

TEST_F(ServiceTest, WhatTheEngineFindsTooLongToReadIsTooLong) {
  engine.unreadable = Errc::limit;
  const auto refused = chat(std::string(kHello));
  EXPECT_EQ(refused->status(), 400);
  EXPECT_EQ(parsed(*refused)["error"]["code"], "context_length_exceeded");
  EXPECT_EQ(parsed(*refused)["error"]["param"], "messages");
  const auto prompt = call(request("POST", "/v1/completions", R"({"model":"tiny","prompt":"x"})"));
  EXPECT_EQ(parsed(*prompt)["error"]["code"], "context_length_exceeded");
  engine.unreadable = Errc::malformed;
  EXPECT_EQ(parsed(*chat(std::string(kHello)))["error"]["code"], nullptr);
  EXPECT_TRUE(engine.jobs.empty());
}

// Blocks every worker of the pool while it lives. What the workers wait on is theirs too: they may
// wake after it is gone.
class Blockade {
 public:
  explicit Blockade(ops::WorkerPool& pool) {
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(pool.try_post([gate = gate_] {
        gate->started.count_down();
        gate->go.wait();
      }));
    }
    gate_->started.wait();
  }
  ~Blockade() { lift(); }
  void lift() {
    if (!std::exchange(lifted_, true)) gate_->go.count_down();
  }

 private:
  struct Gate {
    std::latch started{2};
    std::latch go{1};
  };
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  bool lifted_ = false;
};

TEST_F(ServiceTest, HealthDoesNotWaitForBusyWorkers) {
  Blockade blockade(*pool);
  const auto health = get("/health");
  EXPECT_EQ(health->status(), 200);
  EXPECT_EQ(health->headers().get("X-ACI-Version"), "aci/1");
}

TEST_F(ServiceTest, BigRequestsDoNotPileUp) {
  const std::string big = "}" + std::string((std::size_t{32} << 20U) - 1, ' ');
  Blockade blockade(*pool);
  std::vector<std::shared_ptr<FakeExchange>> queued;
  for (int i = 0; i < 4; ++i) {
    queued.push_back(std::make_shared<FakeExchange>());
    service.handle(request("POST", "/v1/chat/completions", big), queued.back());
  }
  const auto refused = chat(std::string(kHello));
  EXPECT_EQ(refused->status(), 503);
  EXPECT_TRUE(refused->headers().has("Retry-After"));
  blockade.lift();
  for (const auto& exchange : queued) {
    exchange->wait();
    EXPECT_EQ(exchange->status(), 400);
  }
  // Their room is given back, if a moment after their answers.
  while (chat(std::string(kHello))->status() == 503) std::this_thread::yield();
  EXPECT_EQ(chat(std::string(kHello))->status(), 200);
}

TEST_F(ServiceTest, ParametersReachTheEngine) {
  chat(R"({"model":"tiny","temperature":0.5,"top_p":0.25,"seed":42,"max_tokens":7,"stop":["a","b"],
          "presence_penalty":1,"frequency_penalty":-1,"messages":[{"role":"user","content":"hi"}]})");
  ASSERT_EQ(engine.jobs.size(), 1U);
  const engine::Job& job = engine.jobs[0];
  EXPECT_FLOAT_EQ(job.sampling.temperature, 0.5F);
  EXPECT_FLOAT_EQ(job.sampling.top_p, 0.25F);
  EXPECT_EQ(job.sampling.seed, 42U);
  EXPECT_EQ(job.max_tokens, 7);
  EXPECT_THAT(job.stop, ::testing::ElementsAre("a", "b"));
  EXPECT_FLOAT_EQ(job.sampling.presence_penalty, 1.0F);
  EXPECT_FLOAT_EQ(job.sampling.frequency_penalty, -1.0F);
}

TEST_F(ServiceTest, CompletionsTakeTextAndTokens) {
  const auto text = call(request("POST", "/v1/completions", R"({"model":"tiny","prompt":"Once"})"));
  EXPECT_EQ(parsed(*text)["object"], "text_completion");
  EXPECT_EQ(parsed(*text)["choices"][0]["text"], "Paris.");
  const auto tokens =
      call(request("POST", "/v1/completions", R"({"model":"tiny","prompt":[1,2,3]})"));
  EXPECT_EQ(tokens->status(), 200);
  EXPECT_EQ(engine.jobs.back().prompt, (std::vector<engine::Token>{1, 2, 3}));
  for (const std::string_view bad :
       {R"({"model":"tiny","prompt":[1000]})", R"({"model":"tiny","prompt":[-1]})",
        R"({"model":"tiny","prompt":["a",1]})", R"({"model":"tiny","prompt":""})",
        R"({"model":"tiny"})"}) {
    const auto refused = call(request("POST", "/v1/completions", std::string(bad)));
    EXPECT_EQ(refused->status(), 400) << bad;
    EXPECT_EQ(parsed(*refused)["error"]["param"], "prompt") << bad;
  }
}

TEST_F(ServiceTest, FailureAfterAcceptanceHasAReceiptOverTheErrorBody) {
  engine.finish = engine::Finish::error;
  const auto exchange = chat(std::string(kHello));
  EXPECT_EQ(exchange->status(), 500);
  EXPECT_EQ(error_type(*exchange), "internal_error");
  const Json receipt = receipt_of(*exchange);
  EXPECT_EQ(event_hash(receipt, "response.returned"),
            crypto::sha256_tag(as_bytes(exchange->body())));
}

TEST_F(ServiceTest, AReceiptThatCannotBeStoredFailsTheAnswer) {
  store.broken = true;
  const auto buffered = chat(std::string(kHello));
  EXPECT_EQ(buffered->status(), 500);
  EXPECT_EQ(buffered->body().find("Paris"), std::string::npos);
  EXPECT_EQ(buffered->headers().get("X-ACI-Version"), "aci/1");
  EXPECT_EQ(buffered->headers().get("X-ACI-Keyset-Digest"), identity->published()->digest);
  EXPECT_EQ(buffered->headers().get("X-E2EE-Applied"), "false");
  EXPECT_FALSE(buffered->headers().has("X-Receipt-Id")) << "there is none to fetch";
  const auto stream =
      chat(R"({"model":"tiny","stream":true,"messages":[{"role":"user","content":"hi"}]})");
  EXPECT_TRUE(stream->aborted()) << "a stream without a receipt must look cut off";
  EXPECT_EQ(stream->body().find("[DONE]"), std::string::npos);
}

TEST_F(ServiceTest, AFullQueueIsSaidSo) {
  engine.refuse = Errc::limit;
  const auto refused = chat(std::string(kHello));
  EXPECT_EQ(refused->status(), 429);
  EXPECT_EQ(error_type(*refused), "rate_limit_error");
  EXPECT_EQ(parsed(*refused)["error"]["code"], "queue_full");
  EXPECT_TRUE(refused->headers().has("Retry-After"));
}

TEST_F(ServiceTest, AClientThatGoesAwayCancelsItsJob) {
  engine.hold = true;
  const auto exchange = begin_stream();
  while (!engine.held->cancelled) {
    exchange->client_goes_away();
    std::this_thread::yield();
  }
  engine.release();
  exchange->wait();
  EXPECT_TRUE(exchange->aborted());
  EXPECT_EQ(receipt_of(*exchange)["event_log"].size(), 4U);
}

TEST_F(ServiceTest, AnExpiredKeysetServesNobody) {
  clock.set(identity->not_after());
  EXPECT_EQ(chat(std::string(kHello))->status(), 503);
  EXPECT_EQ(get("/health")->status(), 503);
  EXPECT_TRUE(engine.jobs.empty());
}

TEST_F(ServiceTest, SealedRequestIsOpenedAndItsAnswerSealed) {
  for (const auto suite : {seal::Suite::x25519, seal::Suite::secp256k1}) {
    const auto keyset = aci::parse_keyset(identity->published()->keyset).value().keyset;
    std::string key;
    for (const auto& entry : keyset.e2ee_public_keys) {
      if (entry.algo == seal::to_string(suite)) key = entry.public_key;
    }
    auto client = seal::ClientExchange::start(suite, key, clock.now()).value();
    Json body = json::parse(kHello).value();
    const std::string clear = client.seal_request(body, seal::Endpoint::chat_completions).value();
    auto sealed = request("POST", "/v1/chat/completions", json::compact(body));
    for (const auto& [name, value] : client.headers()) sealed.headers.set(name, value);
    const auto again = sealed;
    const auto exchange = call(std::move(sealed));
    ASSERT_EQ(exchange->status(), 200) << exchange->body();
    EXPECT_EQ(exchange->headers().get("X-E2EE-Applied"), "true");
    EXPECT_EQ(exchange->headers().get("X-E2EE-Algo"), seal::to_string(suite));
    EXPECT_EQ(exchange->body().find("Paris"), std::string::npos);
    Json answer = parsed(*exchange);
    ASSERT_TRUE(client.open_body(answer));
    EXPECT_EQ(answer["choices"][0]["message"]["content"], "Paris.");
    EXPECT_EQ(event_hash(receipt_of(*exchange), "request.received"),
              crypto::sha256_tag(as_bytes(clear)));

    const auto replayed = call(again);
    EXPECT_EQ(replayed->status(), 400);
    EXPECT_EQ(error_type(*replayed), "e2ee_replay_detected");
  }
  EXPECT_EQ(engine.jobs.size(), 2U);
}

TEST_F(ServiceTest, AStrayE2eeHeaderNeverMeansPlaintext) {
  for (const std::string_view header : {"X-E2EE-Version", "X-Client-Pub-Key", "X-Model-Pub-Key",
                                        "X-E2EE-Nonce", "X-E2EE-Timestamp", "X-Signing-Algo"}) {
    auto stray = request("POST", "/v1/chat/completions", std::string(kHello));
    stray.headers.set(header, "2");
    const auto refused = call(std::move(stray));
    EXPECT_EQ(refused->status(), 400) << header;
    EXPECT_THAT(error_type(*refused), StartsWith("e2ee_")) << header;
  }
  auto retired = request("POST", "/v1/chat/completions", std::string(kHello));
  retired.headers.set("X-Upstream-Verification", "none");
  EXPECT_EQ(error_type(*call(std::move(retired))), "invalid_request_error");
  EXPECT_TRUE(engine.jobs.empty());
}

TEST_F(ServiceTest, SimulationIsSaidWhereItShows) {
  EXPECT_THAT(get("/")->body(), HasSubstr("SIMULATED"));
  EXPECT_THAT(get("/v1/aci/attestation")->body(), HasSubstr("\"simulated\":true"));
}

TEST_F(ServiceTest, MetricsCountAndCarryNoText) {
  chat(std::string(kHello));
  get("/secret-path-of-a-user");
  auto scrape = request("GET", "/v1/metrics");
  scrape.peer = "127.0.0.1";
  const auto exchange = call(std::move(scrape));
  EXPECT_EQ(exchange->headers().get("Content-Type"), "text/plain; version=0.0.4");
  EXPECT_THAT(exchange->body(), HasSubstr("confide_receipts_total"));
  EXPECT_EQ(exchange->body().find("secret-path"), std::string::npos);
}

TEST_F(ServiceTest, MetricsAreForThisMachineUnlessTheyArePublic) {
  const auto scrape = [](Service& asked, std::string peer) {
    auto exchange = std::make_shared<FakeExchange>();
    auto asking = request("GET", "/v1/metrics");
    asking.peer = std::move(peer);
    asked.handle(std::move(asking), exchange);
    exchange->wait();
    return exchange;
  };
  for (const auto peer : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_EQ(scrape(service, peer)->status(), 200) << peer;
  }
  const std::string nothing = get("/no")->body();
  for (const auto peer : {"", "10.0.0.1", "::ffff:10.0.0.1", "128.127.0.1", "::2"}) {
    const auto refused = scrape(service, peer);
    EXPECT_EQ(refused->status(), 404) << peer;
    EXPECT_EQ(refused->body(), nothing) << "it looks like any path that is none";
  }
  const auto other = make_identity();
  Service open({.provenance = {}, .public_metrics = true}, parts(), *other);
  EXPECT_EQ(scrape(open, "10.0.0.1")->status(), 200);
}

TEST_F(ServiceTest, ModelsAreListed) {
  EXPECT_EQ(parsed(*get("/v1/models"))["data"][0]["id"], "tiny");
  EXPECT_EQ(parsed(*get("/v1/models/tiny"))["object"], "model");
  EXPECT_EQ(get("/v1/models/none")->status(), 404);
  EXPECT_EQ(get("/v1/modelsx")->status(), 404);
  EXPECT_EQ(parsed(*get("/v1/aci/sessions"))["sessions"], Json::array());
  EXPECT_EQ(get("/v1/aci/sessions/" + std::string(64, 'a'))->status(), 404);
}

}  // namespace
}  // namespace confide::api
