#include "client/sealed_channel.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/testing/sealed_backend.h"

namespace confide::client {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Pieces;
using testing::SealedBackend;
using ::testing::SizeIs;

constexpr std::string_view kPrompt = "a secret question about the moon";
constexpr std::string_view kApiKey = "sk-very-secret";
constexpr std::string_view kClearStart = "data: {\"id\":\"chatcmpl-1\"";

seal::HttpFields credentials() {
  return {{.name = "authorization", .value = "Bearer " + std::string(kApiKey)}};
}

seal::InnerRequest question() {
  seal::InnerRequest request{.authority = "service", .path = "/v1/chat/completions"};
  request.fields = credentials();
  request.content =
      R"({"model":"test-model","stream":true,"messages":[{"role":"user","content":")" +
      std::string(kPrompt) + R"("}]})";
  return request;
}

// A connection that remembers what it was told, and can be made to run into its deadline.
struct Told {
  net::ClientLimits limits;
  bool answers_too_late = false;
};

class ToldConnection final : public net::Connection {
 public:
  ToldConnection(std::unique_ptr<net::Connection> inner, Told& told)
      : inner_(std::move(inner)), told_(told) {}

  const crypto::Certificate& peer_certificate() const noexcept override {
    return inner_->peer_certificate();
  }
  void abort() override { inner_->abort(); }
  bool is_open() override { return inner_->is_open(); }
  bool closed_by_peer() const noexcept override { return inner_->closed_by_peer(); }
  void set_limits(const net::ClientLimits& limits) override {
    told_.limits = limits;
    inner_->set_limits(limits);
  }
  Result<net::HttpResponse> send(const net::HttpRequest& request) override {
    return inner_->send(request);
  }
  Result<net::HttpResponse> send_streaming(
      const net::HttpRequest& request, const std::function<void(const net::HttpResponse&)>& on_head,
      const std::function<void(std::string_view)>& on_body) override {
    if (told_.answers_too_late) return fail(Errc::unavailable, "did not answer in time");
    return inner_->send_streaming(request, on_head, on_body);
  }

 private:
  std::unique_ptr<net::Connection> inner_;
  Told& told_;
};

void refuse_key(net::Exchange& exchange) {
  net::HttpResponse response;
  response.status = 422;
  response.headers.add("Content-Type", std::string(seal::kProblemType));
  response.body = seal::problem_body(seal::GatewayProblem::unknown_key);
  exchange.respond(std::move(response));
}

struct SealedChannelTest : ::testing::Test {
  SealedOptions options() {
    SealedOptions out;
    out.target.url = backend.url();
    out.target.policy = backend.service.policy();
    out.target.clock = &clock;
    return out;
  }
  Result<std::unique_ptr<SealedChannel>> open() { return SealedChannel::open(options(), verdict); }
  // On a connection that writes down what it is told.
  std::unique_ptr<SealedChannel> opened(Told& told) {
    const net::Url url = net::parse_url(backend.url()).value();
    auto connection =
        std::make_unique<ToldConnection>(net::Connection::open(url, std::nullopt).value(), told);
    auto attested = attest(options().target, url, TlsKey::unless_sealed, std::move(connection),
                           cancellation, verdict);
    EXPECT_EQ(told.limits.idle_timeout, kAttestationLimits.idle_timeout);
    auto channel = SealedChannel::open(options(), *std::move(attested), verdict).value();
    verdict = {};
    return channel;
  }
  std::unique_ptr<SealedChannel> opened() {
    auto channel = open();
    EXPECT_TRUE(channel) << channel.error().message;
    verdict = {};
    return channel ? *std::move(channel) : nullptr;
  }

  Result<SealedAnswer> ask(SealedChannel& channel) {
    const AnswerSink sink{.on_head =
                              [this](const seal::InnerResponse& head) {
                                status = head.status;
                                return Status();
                              },
                          .on_content = [this](std::string_view content) -> Status {
                            received += content;
                            return {};
                          }};
    return channel.exchange(question(), sink, cancellation, verdict);
  }

  void expect_not_opened(Errc code, std::string_view check) {
    const auto channel = open();
    ASSERT_FALSE(channel) << "not refused";
    EXPECT_EQ(channel.error().code, code) << channel.error().message;
    ASSERT_NE(verdict.first_failure(), nullptr);
    EXPECT_EQ(verdict.first_failure()->id, check);
    expect_nothing_told();
  }
  void expect_not_answered(Errc code, std::string_view check) {
    const auto channel = opened();
    ASSERT_NE(channel, nullptr);
    const auto answer = ask(*channel);
    ASSERT_FALSE(answer) << "not refused";
    EXPECT_EQ(answer.error().code, code) << answer.error().message;
    ASSERT_NE(verdict.first_failure(), nullptr);
    EXPECT_EQ(verdict.first_failure()->id, check);
    expect_nothing_told();
  }
  // On the wire: nothing that is anybody's business.
  void expect_nothing_told() const {
    EXPECT_THAT(backend.seen(), Each(Not(HasSubstr(std::string(kPrompt)))));
    EXPECT_THAT(backend.seen(), Each(Not(HasSubstr(std::string(kApiKey)))));
    EXPECT_THAT(backend.seen(), Each(Not(HasSubstr("chat/completions"))));
  }
  Status check(SealedChannel& channel, SealedAnswer& answer) {
    return channel.check_receipt(answer, credentials(), cancellation, receipt, verdict);
  }

  SealedBackend backend;
  FixedClock clock{backend.now};
  Cancellation cancellation;
  verify::Verdict verdict;
  int status = 0;
  std::string received;
  std::string receipt;
};

TEST_F(SealedChannelTest, AsksAndChecksTheReceiptAndTellsNobody) {
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  auto answer = ask(*channel);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(status, 200);
  EXPECT_THAT(received, HasSubstr("The moon"));
  EXPECT_THAT(received, HasSubstr("data: [DONE]"));
  const Status checked = check(*channel, *answer);
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_THAT(receipt, HasSubstr(answer->receipt_id()));
  EXPECT_TRUE(verdict.passed());
  EXPECT_EQ(backend.appraisals(), 1U);
  expect_nothing_told();
  const auto served = backend.served();
  ASSERT_THAT(served, SizeIs(2));
  EXPECT_EQ(served[0].content, question().content);
  EXPECT_EQ(served[1].path, "/v1/aci/receipts/" + answer->receipt_id());
  EXPECT_EQ(*seal::find_field(served[1].fields, "authorization"), credentials()[0].value);
}

TEST_F(SealedChannelTest, HandsPiecesOnBeforeTheEnd) {
  std::promise<void> seen_first;
  std::atomic<bool> waited{false};
  backend.before_piece = [&] {
    if (!waited.exchange(true)) seen_first.get_future().wait();
  };
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  bool first = true;
  const AnswerSink sink{.on_head = [](const seal::InnerResponse&) { return Status(); },
                        .on_content = [&](std::string_view) -> Status {
                          if (std::exchange(first, false)) seen_first.set_value();
                          return {};
                        }};
  EXPECT_TRUE(channel->exchange(question(), sink, cancellation, verdict));
}

TEST_F(SealedChannelTest, ManyAtOnce) {
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  std::atomic<int> good{0};
  std::vector<std::jthread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      verify::Verdict mine;
      Cancellation never;
      const AnswerSink sink{.on_head = [](const seal::InnerResponse&) { return Status(); },
                            .on_content = [](std::string_view) { return Status(); }};
      auto answer = channel->exchange(question(), sink, never, mine);
      std::string document;
      if (answer && channel->check_receipt(*answer, {}, never, document, mine)) ++good;
    });
  }
  clients.clear();
  EXPECT_EQ(good, 8);
  EXPECT_EQ(backend.appraisals(), 1U);
}

TEST_F(SealedChannelTest, AnotherTlsKeyMayStandInBetween) {
  backend.service.keyset.tls_public_keys = {{std::string(64, '0'), std::nullopt}};
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  EXPECT_TRUE(ask(*channel));
}

TEST_F(SealedChannelTest, AServiceThatOffersNoneIsRefused) {
  backend.service.keyset.ohttp_key_configurations.clear();
  expect_not_opened(Errc::unsupported, "channel.offered");
}

TEST_F(SealedChannelTest, ASwappedKeyConfigurationIsRefused) {
  const auto own = seal::GatewayKey::generate(1);
  backend.published_instead = std::string(as_text(seal::join_key_configs({own.encoded()})));
  expect_not_opened(Errc::mismatch, "channel.key");
}

TEST_F(SealedChannelTest, ADigestThatIsNotTheKeysetsIsRefused) {
  backend.service.keyset.ohttp_key_configurations = {{"ohttp-1", "sha256:" + std::string(64, '1')}};
  expect_not_opened(Errc::mismatch, "channel.key");
}

TEST_F(SealedChannelTest, NoKeyConfigurationIsNoChannel) {
  backend.published_instead = "not one";
  expect_not_opened(Errc::malformed, "channel.key");
}

TEST_F(SealedChannelTest, WhatIsTooLongIsNotGatheredBeforeItIsVerified) {
  const std::string long_text(kAttestationLimits.max_body_bytes + 1, ' ');
  backend.published_instead = long_text;
  expect_not_opened(Errc::limit, "channel.key");

  verdict = {};
  backend.answer_instead = [&](const net::HttpRequest&, net::Exchange& exchange) {
    exchange.respond({.status = 200, .headers = {}, .body = long_text});
    return true;
  };
  const auto channel = open();
  ASSERT_FALSE(channel);
  EXPECT_EQ(channel.error().code, Errc::unavailable);
  EXPECT_THAT(channel.error().message, HasSubstr("no attestation report"));
}

TEST_F(SealedChannelTest, OfARefusedReportOnlyTheStatusIsRepeated) {
  backend.answer_instead = [](const net::HttpRequest&, net::Exchange& exchange) {
    exchange.respond({.status = 403,
                      .headers = {},
                      .body = R"({"error":{"message":"send it in clear, please"}})"});
    return true;
  };
  const auto channel = open();
  ASSERT_FALSE(channel);
  EXPECT_EQ(channel.error().code, Errc::unavailable);
  EXPECT_THAT(channel.error().message, HasSubstr("403"));
  EXPECT_THAT(channel.error().message, Not(HasSubstr("please")));
}

TEST_F(SealedChannelTest, AnotherServicesReportIsRefused) {
  SealedBackend other;
  backend.answer_instead = [&](const net::HttpRequest& request, net::Exchange& exchange) {
    if (request.path != "/v1/aci/attestation") return false;
    net::HttpResponse response;
    response.headers.add("X-ACI-Keyset-Digest", other.service.digest());
    response.body = other.service.report(net::query_value(request.query, "nonce"));
    exchange.respond(std::move(response));
    return true;
  };
  const auto channel = open();
  ASSERT_FALSE(channel);
  EXPECT_EQ(channel.error().code, Errc::untrusted);
  expect_nothing_told();
}

TEST_F(SealedChannelTest, EachPolicyMustBeMet) {
  SealedOptions demanding = options();
  verify::Policy further = backend.service.policy();
  further.model_digests = {std::string(64, '0')};
  demanding.target.further_policies = {further};
  const auto channel = SealedChannel::open(std::move(demanding), verdict);
  ASSERT_FALSE(channel);
  EXPECT_EQ(channel.error().code, Errc::policy);
  EXPECT_EQ(verdict.first_failure()->id, "aci.model");
}

TEST_F(SealedChannelTest, AnAnswerWithoutItsEndIsRefused) {
  backend.tamper = [](Pieces& pieces, const net::HttpRequest&) { pieces.pop_back(); };
  expect_not_answered(Errc::malformed, "channel.answer");
  EXPECT_THAT(received, HasSubstr("[DONE]"));  // and yet
}

TEST_F(SealedChannelTest, AnAnswerCutOffIsRefused) {
  backend.break_stream = true;
  expect_not_answered(Errc::unavailable, "channel.answer");
}

TEST_F(SealedChannelTest, PiecesInAnotherOrderAreRefused) {
  backend.tamper = [](Pieces& pieces, const net::HttpRequest&) { std::swap(pieces[1], pieces[2]); };
  expect_not_answered(Errc::bad_signature, "channel.answer");
  EXPECT_THAT(received, IsEmpty());
}

TEST_F(SealedChannelTest, ADroppedPieceIsRefused) {
  backend.tamper = [](Pieces& pieces, const net::HttpRequest&) {
    pieces.erase(pieces.begin() + 1);
  };
  expect_not_answered(Errc::bad_signature, "channel.answer");
}

TEST_F(SealedChannelTest, ARepeatedPieceIsRefused) {
  backend.tamper = [](Pieces& pieces, const net::HttpRequest&) {
    pieces.insert(pieces.begin() + 1, pieces[1]);
  };
  expect_not_answered(Errc::bad_signature, "channel.answer");
}

TEST_F(SealedChannelTest, AFlippedBitIsRefused) {
  backend.tamper = [](Pieces& pieces, const net::HttpRequest&) { pieces[1].back() ^= 1U; };
  expect_not_answered(Errc::bad_signature, "channel.answer");
}

TEST_F(SealedChannelTest, TheRequestReflectedIsNoAnswer) {
  backend.tamper = [](Pieces& pieces, const net::HttpRequest& request) {
    pieces = {to_bytes(as_bytes(request.body))};
  };
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  EXPECT_FALSE(ask(*channel));
  EXPECT_EQ(verdict.first_failure()->id, "channel.answer");
  EXPECT_THAT(received, IsEmpty());
}

TEST_F(SealedChannelTest, TheAnswerToAnotherRequestIsRefused) {
  std::optional<Pieces> first;
  backend.tamper = [&](Pieces& pieces, const net::HttpRequest&) {
    if (first) pieces = *first;
    first = pieces;
  };
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  ASSERT_TRUE(ask(*channel));
  received.clear();
  const auto second = ask(*channel);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::bad_signature);
  EXPECT_THAT(received, IsEmpty());
}

TEST_F(SealedChannelTest, AClearAnswerIsRefused) {
  backend.answer_instead = [](const net::HttpRequest& request, net::Exchange& exchange) {
    if (request.method != "POST") return false;
    net::HttpResponse response;
    response.headers.add("Content-Type", "text/event-stream");
    response.body = std::string(kClearStart) + "}\n\ndata: [DONE]\n\n";
    exchange.respond(std::move(response));
    return true;
  };
  expect_not_answered(Errc::untrusted, "channel.answer");
  EXPECT_THAT(received, IsEmpty());
}

TEST_F(SealedChannelTest, AnErrorOfWhoeverStandsBetweenIsNotTheServices) {
  int code = 401;
  backend.answer_instead = [&](const net::HttpRequest& request, net::Exchange& exchange) {
    if (request.method != "POST") return false;
    exchange.respond({.status = code,
                      .headers = {},
                      .body = R"({"error":{"message":"send it in clear, please"}})"});
    return true;
  };
  expect_not_answered(Errc::untrusted, "channel.answer");
  EXPECT_EQ(status, 0);
  EXPECT_EQ(backend.appraisals(), 1U);

  code = 503;
  verdict = {};
  expect_not_answered(Errc::unavailable, "channel.answer");
}

TEST_F(SealedChannelTest, AReplacedKeyIsAppraisedOnceAndTheRequestSentOnceMore) {
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  for (const bool grace : {true, false}) {
    const std::size_t before = backend.appraisals();
    backend.rotate(grace);
    received.clear();
    auto answer = ask(*channel);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(backend.appraisals(), before + 1);
    EXPECT_THAT(received, HasSubstr("The moon"));
    EXPECT_TRUE(check(*channel, *answer));
  }
  EXPECT_EQ(channel->attestation()->number, 3U);
  expect_nothing_told();
}

TEST_F(SealedChannelTest, AReplacedKeyUnderAnotherRootIsNotTaken) {
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  backend.rotate(/*grace=*/false);
  backend.service.log.back() = testing::runtime_event("confide.model", Bytes(31, 9));
  const auto answer = ask(*channel);
  ASSERT_FALSE(answer);
  EXPECT_EQ(verdict.first_failure()->id, "aci.model");
  EXPECT_THAT(backend.served(), IsEmpty());
}

TEST_F(SealedChannelTest, ReplicasWithKeysOfTheirOwnAreToldApartByConnection) {
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  auto first = ask(*channel);
  ASSERT_TRUE(first);
  // While its connection is lent, another one is made, and ends at another replica.
  backend.rotate(/*grace=*/false);
  auto second = ask(*channel);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(first->attestation->number, 1U);
  EXPECT_EQ(second->attestation->number, 2U);
  EXPECT_EQ(second->peer.attestation, second->attestation);
  EXPECT_TRUE(check(*channel, *second));
  EXPECT_EQ(backend.appraisals(), 2U);
}

TEST_F(SealedChannelTest, AKeyThatIsNeverKnownIsGivenUpAfterOneMoreTry) {
  backend.answer_instead = [](const net::HttpRequest& request, net::Exchange& exchange) {
    if (request.method != "POST") return false;
    refuse_key(exchange);
    return true;
  };
  expect_not_answered(Errc::mismatch, "channel.key");
  EXPECT_EQ(backend.appraisals(), 2U);
}

TEST_F(SealedChannelTest, AFailedAppraisalFailsAllThatWaitForIt) {
  constexpr int kClients = 4;
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  std::atomic<int> refused{0};
  std::atomic<int> appraisals{0};
  backend.answer_instead = [&](const net::HttpRequest& request, net::Exchange& exchange) {
    if (request.method == "POST") {
      ++refused;
      refuse_key(exchange);
      return true;
    }
    ++appraisals;
    while (refused < kClients) std::this_thread::yield();
    exchange.respond({.status = 503, .headers = {}, .body = ""});
    return true;
  };
  std::atomic<int> failed{0};
  std::vector<std::jthread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&] {
      verify::Verdict mine;
      Cancellation never;
      const AnswerSink sink{.on_head = [](const seal::InnerResponse&) { return Status(); },
                            .on_content = [](std::string_view) { return Status(); }};
      const auto answer = channel->exchange(question(), sink, never, mine);
      if (!answer && answer.error().code == Errc::unavailable) ++failed;
    });
  }
  clients.clear();
  EXPECT_EQ(failed, kClients);
  EXPECT_EQ(appraisals, 1);
  backend.answer_instead = nullptr;
  EXPECT_TRUE(ask(*channel));
}

TEST_F(SealedChannelTest, AnAppraisalEndsWithItsExchange) {
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  backend.rotate(/*grace=*/false);
  std::promise<void> ended;
  const std::shared_future<void> has_ended = ended.get_future().share();
  backend.answer_instead = [this, has_ended](const net::HttpRequest& request, net::Exchange&) {
    if (request.path != "/v1/aci/attestation") return false;
    cancellation.cancel();
    has_ended.wait();
    return true;
  };
  const auto answer = ask(*channel);
  ended.set_value();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::unavailable);
}

TEST_F(SealedChannelTest, NothingIsAskedForWhomNobodyWaits) {
  backend.service.keyset.not_after = backend.now + std::chrono::minutes{10};
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  clock.set(backend.service.keyset.not_after);
  const std::size_t seen = backend.seen().size();
  cancellation.cancel();
  EXPECT_FALSE(ask(*channel));
  EXPECT_THAT(backend.seen(), SizeIs(seen));
}

TEST_F(SealedChannelTest, AnAnswerMayTakeLongerThanAnAppraisal) {
  Told told;
  const auto channel = opened(told);
  EXPECT_EQ(told.limits.idle_timeout, std::chrono::minutes{10});
  EXPECT_GT(told.limits.max_body_bytes, kAttestationLimits.max_body_bytes);
}

TEST_F(SealedChannelTest, AWrongClockOfOursDoesNotMatter) {
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  backend.now += std::chrono::hours{1};
  const auto answer = ask(*channel);
  EXPECT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(backend.appraisals(), 1U);
}

TEST_F(SealedChannelTest, AClockThatIsNeverRightIsNamed) {
  backend.clock_runs_by = std::chrono::hours{1};
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  const auto answer = ask(*channel);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::expired);
  EXPECT_THAT(answer.error().message, HasSubstr("clock"));
  EXPECT_EQ(verdict.first_failure()->id, "channel.clock");
  EXPECT_THAT(backend.served(), IsEmpty());
}

TEST_F(SealedChannelTest, AnExpiredKeysetIsAppraisedAnew) {
  backend.service.keyset.not_after = backend.now + std::chrono::minutes{10};
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  clock.set(backend.service.keyset.not_after);
  backend.now = clock.now();
  const auto refused = ask(*channel);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::expired);
  EXPECT_EQ(verdict.first_failure()->id, "aci.keyset_expiry");
  EXPECT_THAT(backend.served(), IsEmpty());
}

TEST_F(SealedChannelTest, AnAnswerUnderAnotherKeysetIsRefusedAndNothingHandedOn) {
  backend.other_keyset = true;
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  const auto answer = ask(*channel);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::mismatch);
  EXPECT_EQ(verdict.first_failure()->id, "channel.keyset");
  EXPECT_THAT(received, IsEmpty());

  backend.other_keyset = false;
  ASSERT_TRUE(ask(*channel));
  EXPECT_EQ(backend.appraisals(), 2U);
}

TEST_F(SealedChannelTest, TheServicesOwnErrorsComeThrough) {
  backend.refusal = seal::InnerResponse{.status = 404, .content = R"({"error":{}})"};
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  ASSERT_TRUE(ask(*channel));
  EXPECT_EQ(status, 404);
  EXPECT_EQ(received, R"({"error":{}})");
}

TEST_F(SealedChannelTest, ReceiptsForOtherBytesOrAnEqualRequestAreRefused) {
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  backend.receipt_for = "other bytes";
  auto answer = ask(*channel);
  ASSERT_TRUE(answer);
  EXPECT_FALSE(check(*channel, *answer));
  EXPECT_EQ(verdict.first_failure()->id, "receipt.response");
  EXPECT_THAT(receipt, HasSubstr("signature"));  // it is evidence all the same

  backend.receipt_for.clear();
  backend.receipt_nonce = std::string(64, 'a');
  verdict = {};
  answer = ask(*channel);
  ASSERT_TRUE(answer);
  EXPECT_FALSE(check(*channel, *answer));
  EXPECT_EQ(verdict.first_failure()->id, "receipt.nonce");

  backend.no_receipt_id = true;
  verdict = {};
  answer = ask(*channel);
  ASSERT_TRUE(answer);
  const Status checked = check(*channel, *answer);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Errc::not_found);
  EXPECT_EQ(verdict.first_failure()->id, "receipt.fetch");
}

TEST_F(SealedChannelTest, ACancelledExchangeEnds) {
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  backend.before_piece = [this] { cancellation.cancel(); };
  const auto answer = ask(*channel);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::unavailable);
}

TEST_F(SealedChannelTest, AConnectionClosedMeanwhileIsMadeAgain) {
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  auto first = ask(*channel);
  ASSERT_TRUE(first);
  channel->done_with(*first);
  // The next request on the kept connection meets its end.
  std::atomic<bool> broken{false};
  backend.answer_instead = [&](const net::HttpRequest& request, net::Exchange& exchange) {
    if (request.method != "POST" || broken.exchange(true)) return false;
    exchange.abort();
    return true;
  };
  const auto second = ask(*channel);
  EXPECT_TRUE(second) << second.error().message;
}

TEST_F(SealedChannelTest, WhatMayHaveBeenTakenIsNotSealedAnew) {
  const auto channel = opened();
  ASSERT_NE(channel, nullptr);
  auto first = ask(*channel);
  ASSERT_TRUE(first);
  channel->done_with(*first);
  const std::size_t before = backend.served().size();
  // Taken, and the connection lost: the second time it is a replay.
  backend.loses_answer = true;
  const auto replayed = ask(*channel);
  ASSERT_FALSE(replayed);
  EXPECT_EQ(replayed.error().code, Errc::unavailable);
  EXPECT_EQ(verdict.first_failure()->id, "channel.sent");
  EXPECT_THAT(backend.served(), SizeIs(before + 1));

  // The second time it arrives at another replica.
  verdict = {};
  first = ask(*channel);
  ASSERT_TRUE(first);
  channel->done_with(*first);
  std::atomic<bool> broken{false};
  backend.answer_instead = [&](const net::HttpRequest& request, net::Exchange& exchange) {
    if (request.method != "POST" || broken.exchange(true)) return false;
    backend.rotate(/*grace=*/false);
    exchange.abort();
    return true;
  };
  const auto elsewhere = ask(*channel);
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().code, Errc::unavailable);
  EXPECT_EQ(verdict.first_failure()->id, "channel.sent");
  EXPECT_EQ(backend.appraisals(), 1U);
}

TEST_F(SealedChannelTest, WhatWasNotAnsweredInTimeIsNotSentAgain) {
  Told told;
  const auto channel = opened(told);
  told.answers_too_late = true;
  const auto answer = ask(*channel);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::unavailable);
  EXPECT_EQ(verdict.first_failure()->id, "channel.sent");
  EXPECT_THAT(backend.served(), IsEmpty());
}

}  // namespace
}  // namespace confide::client
