#include "seal/ohttp_gateway.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"

namespace confide::seal {
namespace {

using std::chrono::seconds;

const Time kNow = from_unix(1'790'000'000);
const std::string kNonce(64, 'b');

InnerRequest chat() { return {.path = "/v1/chat/completions", .content = "{}"}; }

class Gateway : public ::testing::Test {
 protected:
  // What a client would send, and its reader.
  SealedExchange sealed(InnerRequest request = chat(), Time date = kNow,
                        OhttpForm form = OhttpForm::chunked) const {
    return seal_exchange(keys_->current()->config(), std::move(request),
                         {.form = form, .now = date, .nonce = kNonce})
        .value();
  }
  // The same with fields of the test's choice alone.
  SealedExchange with_fields(const HttpFields& fields) const {
    InnerRequest request = chat();
    request.fields = fields;
    return with_message(encode_request(request).value());
  }
  SealedExchange with_message(ByteView message) const {
    auto sealer = RequestSealer::start(keys_->current()->config(), crypto::Aead::aes_128_gcm,
                                       OhttpForm::chunked)
                      .value();
    Bytes capsule = sealer.finish(message).value();
    return {.capsule = std::move(capsule), .answer = AnswerReader(sealer.answer_secret())};
  }

  auto admit(const SealedExchange& exchange, Time now = kNow) {
    return gateway_.admit(OhttpForm::chunked, exchange.capsule, now);
  }
  bool admits(const SealedExchange& exchange, Time now = kNow) {
    return std::holds_alternative<Admitted>(admit(exchange, now));
  }

  // A refusal in clear: a client may read it and trust none of it.
  void expect_clear(std::variant<Admitted, Refused> answer, GatewayProblem problem, int status,
                    std::string_view type) {
    ASSERT_TRUE(std::holds_alternative<Refused>(answer));
    const auto& refused = std::get<Refused>(answer);
    EXPECT_EQ(refused.problem, problem);
    EXPECT_EQ(refused.status, status);
    EXPECT_EQ(refused.content_type, "application/problem+json");
    expect_problem(std::string(as_text(refused.body)), status, type);
  }
  // A refusal that only this client can read, and nobody else can have made.
  void expect_sealed(SealedExchange& exchange, GatewayProblem problem, int status,
                     std::string_view type, Time now = kNow) {
    auto answer = admit(exchange, now);
    ASSERT_TRUE(std::holds_alternative<Refused>(answer));
    const auto& refused = std::get<Refused>(answer);
    EXPECT_EQ(refused.problem, problem) << to_string(refused.problem);
    EXPECT_EQ(refused.status, 200);
    EXPECT_EQ(refused.content_type, "message/ohttp-chunked-res");
    std::string content = exchange.answer.feed(refused.body).value();
    content += exchange.answer.finish().value();
    const InnerResponse& head = exchange.answer.head();
    EXPECT_EQ(head.status, status);
    EXPECT_EQ(*find_field(head.fields, "content-type"), "application/problem+json");
    EXPECT_EQ(*find_field(head.fields, "date"), to_http_date(now));
    EXPECT_EQ(*find_field(head.fields, "cache-control"), "no-store");
    expect_problem(content, status, type);
  }
  static void expect_problem(const std::string& body, int status, std::string_view type) {
    const Json problem = json::parse(body).value();
    EXPECT_EQ(json::get_string(problem, "type").value(), type);
    EXPECT_EQ(json::get_int(problem, "status").value(), status);
    EXPECT_FALSE(json::get_string(problem, "title").value().empty());
  }

  static constexpr auto kKeyType = "https://iana.org/assignments/http-problem-types#ohttp-key";
  static constexpr auto kDateType = "https://iana.org/assignments/http-problem-types#date";
  std::shared_ptr<OhttpKeys> keys_ = std::make_shared<OhttpKeys>(GatewayKey::generate(1));
  OhttpGateway gateway_{keys_, /*replay_capacity=*/4};
};

TEST_F(Gateway, AdmitsAndAnswersInBothForms) {
  for (const auto form : {OhttpForm::whole, OhttpForm::chunked}) {
    auto exchange = sealed(chat(), kNow, form);
    auto answer = gateway_.admit(form, exchange.capsule, kNow);
    ASSERT_TRUE(std::holds_alternative<Admitted>(answer));
    auto& admitted = std::get<Admitted>(answer);
    EXPECT_EQ(admitted.request.path, "/v1/chat/completions");
    EXPECT_EQ(admitted.request.content, "{}");
    EXPECT_EQ(admitted.nonce, kNonce);
    EXPECT_EQ(admitted.key, keys_->current()->config().public_key);
    EXPECT_EQ(admitted.answer.padding(), Padding::bucketed);
    const Bytes body = admitted.answer.respond({.content = "yes"}).value();
    std::string content = exchange.answer.feed(body).value();
    content += exchange.answer.finish().value();
    EXPECT_EQ(content, "yes");
  }
}

TEST_F(Gateway, TheNonceMayBeLeftOutAndNothingIsPaddedUnasked) {
  auto answer = admit(with_fields({{"date", to_http_date(kNow)}}));
  ASSERT_TRUE(std::holds_alternative<Admitted>(answer));
  EXPECT_EQ(std::get<Admitted>(answer).nonce, "");
  EXPECT_EQ(std::get<Admitted>(answer).answer.padding(), Padding::none);
}

TEST_F(Gateway, ACapturedRequestIsTakenOnce) {
  auto exchange = sealed();
  EXPECT_TRUE(admits(exchange));
  expect_sealed(exchange, GatewayProblem::replayed, 409, "about:blank");
  // To the end of the window, and after it.
  auto ahead = sealed(chat(), kNow + kMaxSkew);
  EXPECT_TRUE(admits(ahead));
  expect_sealed(ahead, GatewayProblem::replayed, 409, "about:blank", kNow + 2 * kMaxSkew);
  auto again = sealed(chat(), kNow + kMaxSkew);
  expect_sealed(again, GatewayProblem::date, 400, kDateType, kNow + 2 * kMaxSkew + seconds(1));
}

TEST_F(Gateway, TwoEqualRequestsAreTwo) {
  EXPECT_TRUE(admits(sealed()));
  EXPECT_TRUE(admits(sealed()));
}

TEST_F(Gateway, TheDateMustBeNear) {
  EXPECT_TRUE(admits(sealed(chat(), kNow - kMaxSkew)));
  auto old = sealed(chat(), kNow - kMaxSkew - seconds(1));
  expect_sealed(old, GatewayProblem::date, 400, kDateType);
  auto ahead = sealed(chat(), kNow + kMaxSkew + seconds(1));
  expect_sealed(ahead, GatewayProblem::date, 400, kDateType);
  auto none = with_fields({});
  expect_sealed(none, GatewayProblem::date, 400, kDateType);
}

TEST_F(Gateway, WhatIsRefusedTakesNoSlot) {
  for (int i = 0; i < 20; ++i) {
    (void)admit(sealed(chat(), kNow - kMaxSkew - seconds(1)));
    (void)admit(with_fields({{"date", to_http_date(kNow)}, {"confide-nonce", "short"}}));
    (void)gateway_.admit(OhttpForm::chunked, Bytes(200, 1), kNow);
  }
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(admits(sealed())) << i;
  // Full of requests made now: the next is told that it is outside what can be accepted.
  auto more = sealed();
  expect_sealed(more, GatewayProblem::date, 400, kDateType);
}

TEST_F(Gateway, FieldsOfTheChannelMustBeWellFormedAndStandOnce) {
  const std::string date = to_http_date(kNow);
  const HttpFields kBad[] = {
      {{"date", date}, {"confide-nonce", kNonce.substr(1)}},
      {{"date", date}, {"confide-nonce", std::string(64, 'B')}},
      {{"date", date}, {"confide-nonce", kNonce}, {"confide-nonce", kNonce}},
      {{"date", date}, {"confide-padding", "some"}},
      {{"date", date}, {"confide-padding", "none"}, {"confide-padding", "none"}},
      {{"date", date}, {"date", date}},
      {{"date", "yesterday"}},
      {{"date", date}, {"expect", "100-continue"}},
  };
  for (const HttpFields& fields : kBad) {
    auto exchange = with_fields(fields);
    expect_sealed(exchange, GatewayProblem::bad_message, 400, "about:blank");
  }
}

// Else the size would tell a refusal from what it is among.
TEST_F(Gateway, ARefusalIsPaddedAsItsRequestAsks) {
  const std::string old = to_http_date(kNow - kMaxSkew - seconds(1));
  const auto size_of_refusal = [&](const HttpFields& fields) {
    const auto answer = admit(with_fields(fields));
    EXPECT_TRUE(std::holds_alternative<Refused>(answer));
    return std::get<Refused>(answer).body.size();
  };
  const auto padded = [&](std::string_view padding) {
    return size_of_refusal({{"date", old}, {"confide-padding", std::string(padding)}});
  };
  constexpr std::size_t kFinalChunk = 16 + 1 + 16;  // nonce, length, tag
  EXPECT_EQ(padded("bucketed"), 512 + kFinalChunk);
  EXPECT_EQ(padded("constant"), 1024 + kFinalChunk);
  EXPECT_LT(padded("none"), 512U);
  EXPECT_LT(size_of_refusal({{"date", old}}), 512U);
  // One that is found before or in the padding itself.
  EXPECT_EQ(size_of_refusal({{"date", old}, {"confide-padding", "some"}}), 512 + kFinalChunk);
}

TEST_F(Gateway, MessagesThatAreNotRequestsOrNestAreRefused) {
  auto response = with_message(encode_response({}).value());
  expect_sealed(response, GatewayProblem::bad_message, 400, "about:blank");
  auto nothing = with_message({});
  expect_sealed(nothing, GatewayProblem::bad_message, 400, "about:blank");
  auto nested = sealed({.path = std::string(kOhttpPath)});
  expect_sealed(nested, GatewayProblem::bad_message, 400, "about:blank");
}

TEST_F(Gateway, WhatDoesNotOpenIsRefusedInClear) {
  const auto good = sealed().capsule;
  const auto admit_bytes = [&](const Bytes& capsule) {
    return gateway_.admit(OhttpForm::chunked, capsule, kNow);
  };
  expect_clear(admit_bytes({}), GatewayProblem::malformed, 400, "about:blank");
  Bytes other = good;
  other[0] = 9;
  expect_clear(admit_bytes(other), GatewayProblem::unknown_key, 422, kKeyType);
  Bytes flipped = good;
  flipped.back() ^= 1;
  expect_clear(admit_bytes(flipped), GatewayProblem::unknown_key, 422, kKeyType);
  Bytes long_chunk(good.begin(), good.begin() + 39);
  append(long_chunk, from_hex("bfffffff").value());
  expect_clear(admit_bytes(long_chunk), GatewayProblem::too_long, 413, "about:blank");
  // Another replica's key, with the same identifier.
  OhttpGateway replica(std::make_shared<OhttpKeys>(GatewayKey::generate(1)));
  expect_clear(replica.admit(OhttpForm::chunked, good, kNow), GatewayProblem::unknown_key, 422,
               kKeyType);
}

TEST_F(Gateway, ARetiredKeyOpensToSaySoAndNoMore) {
  auto exchange = sealed();
  auto late = sealed();
  const auto before = keys_->published();
  const SteadyTime then{std::chrono::hours(5)};
  keys_->rotate(GatewayKey::generate(keys_->next_id()), then, seconds(60));
  EXPECT_NE(keys_->published(), before);
  expect_sealed(exchange, GatewayProblem::retired_key, 422, kKeyType);
  EXPECT_TRUE(admits(sealed()));  // to the new key
  keys_->forget_expired(then + seconds(59));
  expect_sealed(late, GatewayProblem::retired_key, 422, kKeyType);
  keys_->forget_expired(then + seconds(60));
  expect_clear(admit(late), GatewayProblem::unknown_key, 422, kKeyType);
}

TEST_F(Gateway, AnIdentifierNamesOneKey) {
  auto exchange = sealed();
  keys_->rotate(GatewayKey::generate(1), {}, seconds(60));
  expect_clear(admit(exchange), GatewayProblem::unknown_key, 422, kKeyType);
  EXPECT_EQ(keys_->next_id(), 2);
}

TEST(GatewayProblems, AreNamedForMetrics) {
  EXPECT_EQ(to_string(GatewayProblem::retired_key), "retired_key");
  EXPECT_EQ(problem_body(GatewayProblem::date),
            R"({"type":"https://iana.org/assignments/http-problem-types#date",)"
            R"("title":"date is missing or outside of the accepted window","status":400})");
}

}  // namespace
}  // namespace confide::seal
