#include "client/session.h"

#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/testing/sealed_backend.h"
#include "net/server.h"
#include "net/sse.h"

namespace confide::client {
namespace {

using testing::all_of;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TestService;

constexpr std::string_view kPrompt = "a secret question about the moon";
constexpr std::string_view kApiKey = "sk-very-secret";
const Time kNow = parse_rfc3339("2026-06-15T12:00:00Z").value();

Json chunk(const Json& delta, const Json& finish_reason) {
  Json choice = {{"index", 0}, {"delta", delta}, {"finish_reason", finish_reason}};
  return {{"id", "chatcmpl-1"}, {"choices", Json::array({choice})}};
}

// Answers as a service does, but for what a test tells it to get wrong.
class FakeBackend {
 public:
  explicit FakeBackend(net::ServerLimits limits = {}) {
    const net::ServerOptions options{
        .address = "127.0.0.1",
        .port = 0,
        .tls = net::TlsContext::server(service.certificate, service.tls_key).value(),
        .limits = limits,
        .make_error = [](int status, std::string_view, std::string_view) {
          net::HttpResponse response;
          response.status = status;
          return response;
        }};
    server_ = net::Server::start(options, [this](net::HttpRequest request,
                                                 std::shared_ptr<net::Exchange> exchange) {
                handle(std::move(request), *exchange);
              }).value();
    channel_.emplace(std::move(service.e2ee_keys));
  }

  std::string url() const { return fmt::format("https://127.0.0.1:{}", server_->port()); }

  // Until the service has closed every connection.
  void wait_until_idle() const {
    while (server_->open_connections() != 0) std::this_thread::yield();
  }

  // Every request that reached the service, as it came.
  std::vector<std::string> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

  TestService service;
  std::optional<std::string> replayed_nonce;  // report for this nonce instead of the asked one
  bool other_keyset_for_chat = false;
  bool cut_stream = false;
  bool break_stream = false;
  bool clear_chunk = false;
  bool spoiled_chunk = false;
  bool no_receipt_id = false;
  std::string receipt_for;  // bytes that the receipt is made for, if not the real ones
  std::optional<net::HttpResponse> refusal;

 private:
  void handle(net::HttpRequest request, net::Exchange& exchange) {
    {
      const std::lock_guard lock(mutex_);
      seen_.push_back(all_of(request));
    }
    if (request.path == "/v1/aci/attestation") {
      const auto nonce = net::query_value(request.query, "nonce");
      respond(exchange, service.report(replayed_nonce ? replayed_nonce : nonce));
    } else if (request.path == "/v1/models") {
      respond(exchange, R"({"object":"list","data":[{"id":"test-model"},{"id":"other"}]})");
    } else if (request.path == "/v1/chat/completions") {
      chat(request, exchange);
    } else if (request.path == "/v1/aci/receipts/rcpt-1") {
      respond(exchange, receipt_);
    } else {
      exchange.respond({.status = 404, .headers = common(), .body = "{}"});
    }
  }

  net::Headers common() const {
    net::Headers headers;
    headers.add("X-ACI-Version", "aci/1");
    headers.add("X-ACI-Keyset-Digest", service.digest());
    return headers;
  }

  void respond(net::Exchange& exchange, std::string body) const {
    exchange.respond({.status = 200, .headers = common(), .body = std::move(body)});
  }

  void chat(const net::HttpRequest& request, net::Exchange& exchange) {
    if (refusal) {
      net::HttpResponse response = *refusal;
      response.headers = common();
      exchange.respond(std::move(response));
      return;
    }
    seal::E2eeHeaders e2ee;
    e2ee.version = request.headers.get("X-E2EE-Version");
    e2ee.client_public_key = request.headers.get("X-Client-Pub-Key");
    e2ee.model_public_key = request.headers.get("X-Model-Pub-Key");
    e2ee.nonce = request.headers.get("X-E2EE-Nonce");
    e2ee.timestamp = request.headers.get("X-E2EE-Timestamp");
    auto opened = channel_->open(e2ee, seal::Endpoint::chat_completions, request.body, kNow);
    ASSERT_TRUE(opened) << opened.error().type;
    EXPECT_EQ(opened->body["messages"][0]["content"], kPrompt);
    stream(*opened, exchange);
  }

  void stream(const seal::OpenedRequest& opened, net::Exchange& exchange) {
    net::HttpResponse head;
    head.headers = common();
    if (other_keyset_for_chat) {
      head.headers.set("X-ACI-Keyset-Digest", "sha256:" + std::string(64, '0'));
    }
    head.headers.set("Content-Type", "text/event-stream");
    if (!no_receipt_id) head.headers.set("X-Receipt-Id", "rcpt-1");
    exchange.start(head);

    std::string sent;
    const auto send = [&](const std::string& event) {
      sent += event;
      exchange.write(event);
    };
    for (const std::string_view piece : {"The moon", " is far."}) {
      Json sealed = chunk({{"content", piece}}, nullptr);
      if (!clear_chunk) ASSERT_TRUE(opened.sealer.seal_chunk(sealed));
      std::string text = json::compact(sealed);
      if (spoiled_chunk) {
        // A bit of the ciphertext, which is the longest string there.
        const std::size_t at = text.find("content\":\"") + 100;
        text[at] = text[at] == '0' ? '1' : '0';
      }
      send(net::sse_event(text));
    }
    if (break_stream) return exchange.abort();
    send(net::sse_event(json::compact(chunk(Json::object(), "stop"))));
    send(net::sse_event(json::compact(Json{
        {"id", "chatcmpl-1"}, {"choices", Json::array()}, {"usage", {{"completion_tokens", 2}}}})));
    if (!cut_stream) send(net::sse_event("[DONE]"));
    receipt_ = service.receipt(opened.compact, receipt_for.empty() ? sent : receipt_for,
                               service.execution());
    exchange.finish();
  }

  mutable std::mutex mutex_;
  std::vector<std::string> seen_;
  std::string receipt_;
  std::optional<seal::ServerChannel> channel_;
  std::unique_ptr<net::Server> server_;
};

struct SessionTest : ::testing::Test {
  Result<std::unique_ptr<Session>> open() {
    SessionOptions options;
    options.url = backend.url();
    options.api_key = kApiKey;
    options.policy = backend.service.policy();
    options.clock = &clock;
    return Session::open(options, verdict);
  }

  std::unique_ptr<Session> opened() {
    auto session = open();
    EXPECT_TRUE(session) << session.error().message;
    return session ? *std::move(session) : nullptr;
  }

  Status ask(Session& session) {
    const Json request = {{"model", "test-model"},
                          {"messages", Json::array({{{"role", "user"}, {"content", kPrompt}}})},
                          {"stream", true}};
    return session.chat(request, [this](std::string_view text) { shown += text; }, exchange);
  }

  void expect_chat_fails(Errc code) {
    const auto session = opened();
    ASSERT_NE(session, nullptr);
    const Status outcome = ask(*session);
    ASSERT_FALSE(outcome) << "not refused";
    EXPECT_EQ(outcome.error().code, code) << outcome.error().message;
    EXPECT_FALSE(exchange.receipt_verdict.passed());
  }

  // On the wire: one request for the report, and nothing that is anybody's business.
  void expect_only_the_report_was_asked_for() {
    const std::vector<std::string> seen = backend.seen();
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_THAT(seen[0], HasSubstr("GET /v1/aci/attestation?nonce="));
    EXPECT_THAT(seen[0], Not(HasSubstr("uthorization")));
    EXPECT_THAT(seen[0], Not(HasSubstr(std::string(kApiKey))));
    EXPECT_THAT(seen[0], Not(HasSubstr(std::string(kPrompt))));
  }

  void expect_not_opened(Errc code, std::string_view first_failure) {
    const auto session = open();
    ASSERT_FALSE(session) << "not refused";
    EXPECT_EQ(session.error().code, code) << session.error().message;
    ASSERT_NE(verdict.first_failure(), nullptr);
    EXPECT_EQ(verdict.first_failure()->id, first_failure);
    expect_only_the_report_was_asked_for();
  }

  FixedClock clock{kNow};
  FakeBackend backend;
  verify::Verdict verdict;
  Exchange exchange;
  std::string shown;
};

TEST_F(SessionTest, AsksStreamsAndChecksTheReceipt) {
  const auto session = opened();
  ASSERT_NE(session, nullptr);
  EXPECT_TRUE(verdict.passed());
  expect_only_the_report_was_asked_for();
  const auto models = session->models();
  ASSERT_TRUE(models);
  EXPECT_THAT(*models, ElementsAre("test-model", "other"));

  const Status outcome = ask(*session);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(shown, "The moon is far.");
  EXPECT_EQ(exchange.answer, shown);
  EXPECT_EQ(exchange.finish_reason, "stop");
  EXPECT_EQ(exchange.usage["completion_tokens"], 2);
  EXPECT_EQ(exchange.receipt_id, "rcpt-1");
  EXPECT_TRUE(exchange.receipt_verdict.passed());
  EXPECT_THAT(exchange.request_clear, HasSubstr(std::string(kPrompt)));
  EXPECT_THAT(exchange.response_body, Not(HasSubstr("moon")));
}

TEST_F(SessionTest, ThePromptIsSealedOnTheWire) {
  const auto session = opened();
  ASSERT_NE(session, nullptr);
  ASSERT_TRUE(ask(*session));
  const auto seen = backend.seen();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_THAT(seen[1], HasSubstr("POST /v1/chat/completions"));
  EXPECT_THAT(seen[1], HasSubstr("Bearer " + std::string(kApiKey)));
  EXPECT_THAT(seen[2], HasSubstr("Bearer " + std::string(kApiKey)));
  EXPECT_THAT(seen, Each(Not(HasSubstr(std::string(kPrompt)))));
}

TEST_F(SessionTest, AConnectionClosedMeanwhileIsMadeAgain) {
  FakeBackend hasty({.idle_timeout = std::chrono::seconds{1}});
  SessionOptions options;
  options.url = hasty.url();
  options.policy = hasty.service.policy();
  options.clock = &clock;
  const auto session = Session::open(options, verdict);
  ASSERT_TRUE(session) << session.error().message;
  hasty.wait_until_idle();
  const Status outcome = ask(**session);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(shown, "The moon is far.");
}

TEST_F(SessionTest, SecondSuiteServesIfItIsTheOnlyOne) {
  std::erase_if(backend.service.keyset.e2ee_public_keys,
                [](const aci::KeyEntry& key) { return key.algo == aci::kSuiteX25519; });
  const auto session = opened();
  ASSERT_NE(session, nullptr);
  const Status outcome = ask(*session);
  EXPECT_TRUE(outcome) << outcome.error().message;
}

TEST_F(SessionTest, NothingIsSentWithoutASealingKey) {
  backend.service.keyset.e2ee_public_keys.clear();
  expect_chat_fails(Errc::unsupported);
  expect_only_the_report_was_asked_for();
}

TEST_F(SessionTest, AnotherTlsKeyThanAttestedStopsBeforeThePrompt) {
  backend.service.keyset.tls_public_keys = {{std::string(64, '0'), std::nullopt}};
  expect_not_opened(Errc::untrusted, "aci.tls");
}

TEST_F(SessionTest, ReplayedReportStopsBeforeThePrompt) {
  backend.replayed_nonce = std::string(64, 'a');
  expect_not_opened(Errc::mismatch, "aci.report_data");
}

TEST_F(SessionTest, ExpiredKeysetStopsBeforeThePrompt) {
  backend.service.keyset.not_after = kNow;
  expect_not_opened(Errc::expired, "aci.keyset_expiry");
}

TEST_F(SessionTest, SimulatedEvidenceWithoutItsRootStopsBeforeThePrompt) {
  SessionOptions options;
  options.url = backend.url();
  options.api_key = kApiKey;
  options.policy = verify::Policy::strict();
  options.clock = &clock;
  const auto session = Session::open(options, verdict);
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, Errc::untrusted);
  expect_only_the_report_was_asked_for();
}

TEST_F(SessionTest, ModelOutsideThePolicyStopsBeforeThePrompt) {
  SessionOptions options;
  options.url = backend.url();
  options.api_key = kApiKey;
  options.policy = backend.service.policy();
  options.policy.model_digests = {std::string(64, '0')};
  options.clock = &clock;
  const auto session = Session::open(options, verdict);
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, Errc::policy);
  EXPECT_EQ(verdict.first_failure()->id, "aci.model");
  expect_only_the_report_was_asked_for();
}

TEST_F(SessionTest, EachSessionAsksWithAFreshNonce) {
  const auto first = opened();
  const auto second = opened();
  ASSERT_NE(first, nullptr);
  ASSERT_NE(second, nullptr);
  EXPECT_TRUE(aci::is_nonce(first->nonce()));
  EXPECT_NE(first->nonce(), second->nonce());
}

TEST_F(SessionTest, UnreachableServiceIsUnavailable) {
  SessionOptions options;
  options.url = "https://127.0.0.1:1";
  options.policy = backend.service.policy();
  const auto session = Session::open(options, verdict);
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, Errc::unavailable);
  EXPECT_FALSE(verdict.passed());
}

TEST_F(SessionTest, AnotherKeysetMidwayIsRefusedAndNothingShown) {
  backend.other_keyset_for_chat = true;
  expect_chat_fails(Errc::mismatch);
  EXPECT_EQ(shown, "");
}

TEST_F(SessionTest, StreamWithoutTerminatorIsRefused) {
  backend.cut_stream = true;
  expect_chat_fails(Errc::malformed);
  EXPECT_EQ(shown, "The moon is far.");
}

TEST_F(SessionTest, BrokenConnectionIsRefusedAsTruncated) {
  backend.break_stream = true;
  expect_chat_fails(Errc::malformed);
}

TEST_F(SessionTest, ClearAnswerIsRefusedAndNotShown) {
  backend.clear_chunk = true;
  expect_chat_fails(Errc::malformed);
  EXPECT_EQ(shown, "");
}

TEST_F(SessionTest, SpoiledCiphertextIsRefusedAndNotShown) {
  backend.spoiled_chunk = true;
  expect_chat_fails(Errc::bad_signature);
  EXPECT_EQ(shown, "");
}

TEST_F(SessionTest, ReceiptForOtherBytesIsRefused) {
  backend.receipt_for = "other bytes";
  expect_chat_fails(Errc::mismatch);
  EXPECT_EQ(exchange.receipt_verdict.first_failure()->id, "receipt.response");
  EXPECT_EQ(exchange.answer, "The moon is far.");
}

TEST_F(SessionTest, AnswerWithoutReceiptIsRefused) {
  backend.no_receipt_id = true;
  expect_chat_fails(Errc::not_found);
  EXPECT_EQ(exchange.receipt_verdict.first_failure()->id, "receipt.fetch");
}

struct SealedSessionTest : ::testing::Test {
  Result<std::unique_ptr<Session>> open(Channel channel) {
    SessionOptions options;
    options.url = backend.url();
    options.api_key = kApiKey;
    options.policy = backend.service.policy();
    options.clock = &clock;
    options.channel = channel;
    return Session::open(options, verdict);
  }
  Status ask(Session& session) {
    const Json request = {{"model", "test-model"},
                          {"messages", Json::array({{{"role", "user"}, {"content", kPrompt}}})}};
    return session.chat(request, [this](std::string_view text) { shown += text; }, exchange);
  }

  testing::SealedBackend backend;
  FixedClock clock{backend.now};
  verify::Verdict verdict;
  Exchange exchange;
  std::string shown;
};

TEST_F(SealedSessionTest, WhatTheKeysetListsIsUsedAndTellsNobody) {
  const auto session = open(Channel::automatic);
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ((*session)->channel(), Channel::sealed);
  EXPECT_THAT(*(*session)->models(), ElementsAre("test-model"));
  const Status outcome = ask(**session);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(shown, "The moon is far.");
  EXPECT_EQ(exchange.answer, shown);
  EXPECT_EQ(exchange.finish_reason, "stop");
  EXPECT_EQ(exchange.client_nonce.size(), 64U);
  EXPECT_TRUE(exchange.receipt_verdict.passed());
  for (const std::string_view secret : {kPrompt, kApiKey, std::string_view("/v1/models")}) {
    EXPECT_THAT(backend.seen(), Each(Not(HasSubstr(std::string(secret)))));
  }
}

TEST_F(SealedSessionTest, ASealedChannelThatFailsIsNotReplacedByAnother) {
  backend.published_instead = "nothing of use";
  for (const Channel channel : {Channel::automatic, Channel::sealed}) {
    const auto session = open(channel);
    ASSERT_FALSE(session);
    EXPECT_EQ(verdict.first_failure()->id, "channel.key");
  }
  backend.published_instead.reset();
  backend.answer_instead = [](const net::HttpRequest& request, net::Exchange& exchange) {
    if (request.method != "POST") return false;
    exchange.respond({.status = 404, .headers = {}, .body = "{}"});
    return true;
  };
  const auto session = open(Channel::automatic);
  ASSERT_TRUE(session);
  const Status outcome = ask(**session);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::untrusted);
  EXPECT_FALSE(exchange.receipt_verdict.passed());
  EXPECT_THAT(backend.seen(), Each(Not(HasSubstr("E2EE"))));
}

TEST_F(SealedSessionTest, TheOtherChannelIsForThoseWhoAskForIt) {
  const auto session = open(Channel::e2ee);
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ((*session)->channel(), Channel::e2ee);

  backend.service.keyset.tls_public_keys = {{std::string(64, '0'), std::nullopt}};
  EXPECT_TRUE(open(Channel::sealed));
  const auto refused = open(Channel::e2ee);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::untrusted);
}

TEST_F(SealedSessionTest, ReceiptForOtherBytesIsRefused) {
  backend.receipt_for = "other bytes";
  const auto session = open(Channel::sealed);
  ASSERT_TRUE(session);
  const Status outcome = ask(**session);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::mismatch);
  EXPECT_EQ(exchange.receipt_verdict.first_failure()->id, "receipt.response");
}

TEST_F(SealedSessionTest, RefusalsCarryTheServicesReason) {
  backend.refusal =
      seal::InnerResponse{.status = 404, .content = R"({"error":{"message":"no such model"}})"};
  const auto session = open(Channel::sealed);
  ASSERT_TRUE(session);
  const Status outcome = ask(**session);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::not_found);
  EXPECT_THAT(outcome.error().message, HasSubstr("no such model"));
}

TEST_F(SessionTest, TheSealedChannelIsRefusedWhereThereIsNone) {
  SessionOptions options;
  options.url = backend.url();
  options.policy = backend.service.policy();
  options.clock = &clock;
  options.channel = Channel::sealed;
  const auto session = Session::open(options, verdict);
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, Errc::unsupported);
  EXPECT_EQ(verdict.first_failure()->id, "channel.offered");
}

TEST_F(SessionTest, RefusalsCarryTheServicesReason) {
  net::HttpResponse refusal;
  refusal.status = 404;
  refusal.body = R"({"error":{"message":"no such model","type":"not_found_error"}})";
  backend.refusal = refusal;
  const auto session = opened();
  ASSERT_NE(session, nullptr);
  const Status outcome = ask(*session);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::not_found);
  EXPECT_THAT(outcome.error().message, HasSubstr("no such model"));

  backend.refusal->status = 503;
  backend.refusal->body = "not JSON";
  const Status busy = ask(*session);
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, Errc::unavailable);
}

}  // namespace
}  // namespace confide::client
