// The service through the sealed channel, as a client with its own end of it sees it.
#include <algorithm>
#include <variant>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service_fixture_test.h"
#include "net/sse.h"
#include "seal/ohttp_exchange.h"

namespace confide::api {
namespace {

using seal::OhttpForm;
using seal::Padding;
using ::testing::HasSubstr;

constexpr std::string_view kStream =
    R"({"model":"tiny","stream":true,"messages":[{"role":"user","content":"hi"}]})";
const std::string kNonce(64, '7');

struct SealedServiceTest : ServiceTest {
  // What a client holds between sealing and reading.
  struct Sent {
    Bytes capsule;
    seal::AnswerReader reader;
    std::shared_ptr<FakeExchange> outer = nullptr;
    std::size_t read = 0;

    Result<std::string> more() {
      const std::string sent = outer->body();
      const ByteView unread = as_bytes(sent).subspan(std::exchange(read, sent.size()));
      return reader.feed(unread);
    }
    Result<std::string> all() {
      TRY_ASSIGN(std::string content, more());
      TRY_ASSIGN(const std::string rest, reader.finish());
      return content + rest;
    }
  };
  struct Answer {
    int status = 0;
    seal::HttpFields fields;
    std::string content;

    std::string field(std::string_view name) const {
      const std::string* found = seal::find_field(fields, name);
      return found == nullptr ? "" : *found;
    }
    Json json() const { return json::parse(content).value(); }
    std::string error_type() const { return json()["error"]["type"]; }
  };

  // The key configuration as a client takes it: only if the attested keyset lists it.
  Bytes key_config() {
    const auto served = get(std::string(seal::kOhttpPath));
    EXPECT_EQ(served->status(), 200);
    EXPECT_EQ(served->headers().get("Content-Type"), "application/ohttp-keys");
    auto configs = seal::split_key_configs(as_bytes(served->body())).value();
    EXPECT_EQ(configs.size(), 1U);
    const auto keyset = aci::parse_keyset(identity->published()->keyset).value().keyset;
    const auto config = seal::parse_key_config(configs.at(0)).value();
    const auto listed =
        keyset.check_ohttp_key(seal::key_config_digest(configs.at(0)), to_hex(config.public_key));
    EXPECT_TRUE(listed) << listed.error().message;
    return configs.at(0);
  }
  seal::ExchangeOptions options() const {
    seal::ExchangeOptions out;
    out.now = clock.now();
    out.nonce = kNonce;
    return out;
  }
  static seal::InnerRequest post(std::string_view body) {
    return {.path = "/v1/chat/completions", .content = std::string(body)};
  }
  static seal::InnerRequest inner_get(std::string path) {
    return {.method = "GET", .path = std::move(path)};
  }
  Sent prepare(const seal::InnerRequest& request, const seal::ExchangeOptions& options) {
    auto sealed =
        seal::seal_exchange(seal::parse_key_config(key_config()).value(), request, options).value();
    return {.capsule = std::move(sealed.capsule), .reader = std::move(sealed.answer)};
  }
  void begin(Sent& sent, OhttpForm form = OhttpForm::chunked) {
    auto outer = request("POST", std::string(seal::kOhttpPath), std::string(as_text(sent.capsule)));
    outer.headers.set("Content-Type", std::string(seal::request_type(form)));
    sent.outer = std::make_shared<FakeExchange>();
    sent.read = 0;
    service.handle(std::move(outer), sent.outer);
  }
  Answer finish(Sent& sent) {
    sent.outer->wait();
    EXPECT_EQ(sent.outer->status(), 200) << sent.outer->body();
    auto content = sent.all();
    EXPECT_TRUE(content) << content.error().message;
    return {.status = sent.reader.head().status,
            .fields = sent.reader.head().fields,
            .content = content.value_or("")};
  }
  Answer ask(const seal::InnerRequest& request, const seal::ExchangeOptions& options) {
    Sent sent = prepare(request, options);
    begin(sent, options.form);
    return finish(sent);
  }
  Answer ask(const seal::InnerRequest& request) { return ask(request, options()); }
  // The problem that a capsule is refused with, in clear.
  Json clear_problem(Sent& sent, int status) {
    begin(sent);
    sent.outer->wait();
    EXPECT_EQ(sent.outer->status(), status);
    EXPECT_EQ(sent.outer->headers().get("Content-Type"), "application/problem+json");
    return json::parse(sent.outer->body()).value();
  }
  void expect_counted(std::string_view outcome) {
    EXPECT_THAT(metrics.text(),
                HasSubstr(fmt::format("confide_sealed_requests_total{{outcome=\"{}\"}}", outcome)));
  }
  aci::VerifiedReceipt verified(const Answer& answer, const Json& keyset) {
    const Answer receipt = ask(inner_get("/v1/aci/receipts/" + answer.field("x-receipt-id")));
    EXPECT_EQ(receipt.status, 200);
    auto out = aci::verify_receipt(receipt.content, aci::parse_keyset(keyset).value());
    EXPECT_TRUE(out) << out.error().message;
    return *std::move(out);
  }
};

struct SealedProfiles : SealedServiceTest,
                        ::testing::WithParamInterface<std::tuple<OhttpForm, Padding>> {
  seal::ExchangeOptions profile() const {
    seal::ExchangeOptions out = options();
    std::tie(out.form, out.padding) = GetParam();
    return out;
  }
};

TEST_P(SealedProfiles, BufferedChat) {
  Sent sent = prepare(post(kHello), profile());
  begin(sent, profile().form);
  const Answer answer = finish(sent);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.json()["choices"][0]["message"]["content"], "Paris.");
  EXPECT_EQ(sent.outer->headers().get("Content-Type"), seal::response_type(profile().form));
  EXPECT_FALSE(sent.outer->headers().has("X-Receipt-Id"));
  EXPECT_EQ(sent.outer->body().find("Paris"), std::string::npos);

  const auto receipt = verified(answer, identity->published()->keyset);
  EXPECT_EQ(receipt.request_hash(), crypto::sha256_tag(as_bytes(kHello)));
  EXPECT_EQ(receipt.response_hash(), crypto::sha256_tag(as_bytes(answer.content)));
  EXPECT_EQ(receipt.client_nonce(), kNonce);
}

TEST_P(SealedProfiles, StreamedChat) {
  const Answer answer = ask(post(kStream), profile());
  EXPECT_EQ(answer.field("content-type"), "text/event-stream");
  std::string text;
  net::SseParser parser([&](std::string_view data) {
    const Json delta = json::parse(data).value()["choices"][0]["delta"];
    if (delta.contains("content")) text += delta["content"].get<std::string>();
  });
  ASSERT_TRUE(parser.feed(answer.content));
  EXPECT_TRUE(parser.complete());
  EXPECT_EQ(text, "Paris.");
  EXPECT_EQ(verified(answer, identity->published()->keyset).response_hash(),
            crypto::sha256_tag(as_bytes(answer.content)));
}

TEST_P(SealedProfiles, AStreamWithoutAReceiptHasNoEnd) {
  store.broken = true;
  Sent sent = prepare(post(kStream), profile());
  begin(sent, profile().form);
  sent.outer->wait();
  EXPECT_TRUE(sent.outer->aborted());
  EXPECT_EQ(sent.all().error().code, Errc::malformed);
}

INSTANTIATE_TEST_SUITE_P(All, SealedProfiles,
                         ::testing::Combine(::testing::Values(OhttpForm::whole, OhttpForm::chunked),
                                            ::testing::Values(Padding::none, Padding::bucketed,
                                                              Padding::constant)));

TEST_F(SealedServiceTest, TextArrivesWhileTheRestIsBeingGenerated) {
  engine.hold = true;
  Sent sent = prepare(post(kStream), options());
  begin(sent);
  while (!sent.outer->streamed()) std::this_thread::yield();
  engine.held->sinks.front()->on_text("Pa", {});
  std::string content;
  while (content.find("Pa") == std::string::npos) content += sent.more().value();
  EXPECT_FALSE(sent.outer->ended());
  engine.release();
  EXPECT_THAT(finish(sent).content, HasSubstr("[DONE]"));
}

TEST_F(SealedServiceTest, AClientThatGoesAwayCancelsItsJobAndGetsNoEnd) {
  engine.hold = true;
  Sent sent = prepare(post(kStream), options());
  begin(sent);
  while (!sent.outer->streamed()) std::this_thread::yield();
  while (!engine.held->cancelled) {
    sent.outer->client_goes_away();
    std::this_thread::yield();
  }
  engine.release();
  sent.outer->wait();
  EXPECT_TRUE(sent.outer->aborted());
  EXPECT_EQ(sent.all().error().code, Errc::malformed);
}

TEST_F(SealedServiceTest, EqualBodiesMakeReceiptsThatCannotBeExchanged) {
  seal::ExchangeOptions other = options();
  other.nonce = std::string(64, '8');
  const auto first = verified(ask(post(kHello)), identity->published()->keyset);
  const auto second = verified(ask(post(kHello), other), identity->published()->keyset);
  EXPECT_EQ(first.request_hash(), second.request_hash());
  EXPECT_EQ(first.client_nonce(), kNonce);
  EXPECT_EQ(second.client_nonce(), other.nonce);
}

TEST_F(SealedServiceTest, ARefusalWithAReceiptEchoesTheNonceToo) {
  const Answer refused = ask(post(fmt::format(
      R"({{"model":"tiny","messages":[],"provider":{{"aci_session_ids":["{}"]}}}})", kNonce)));
  EXPECT_EQ(refused.status, 412);
  EXPECT_EQ(verified(refused, identity->published()->keyset).client_nonce(), kNonce);
}

TEST_F(SealedServiceTest, TheKeyInsideOwnsTheReceipt) {
  auto asking = post(kHello);
  asking.fields.push_back({"authorization", "Bearer alice"});
  const Answer answer = ask(asking);
  const std::string path = "/v1/aci/receipts/" + answer.field("x-receipt-id");
  EXPECT_EQ(ask(inner_get(path)).status, 401);
  EXPECT_EQ(get(path)->status(), 401);
  auto fetching = inner_get(path);
  fetching.fields.push_back({"authorization", "Bearer alice"});
  EXPECT_EQ(ask(fetching).status, 200);

  // What a relay adds outside is nobody's key inside.
  Sent sent = prepare(inner_get(path), options());
  auto outer = request("POST", std::string(seal::kOhttpPath), std::string(as_text(sent.capsule)));
  outer.headers.set("Content-Type", std::string(seal::request_type(OhttpForm::chunked)));
  outer.headers.set("Authorization", "Bearer alice");
  sent.outer = call(std::move(outer));
  EXPECT_EQ(finish(sent).status, 401);
}

TEST_F(SealedServiceTest, EverythingForUsersIsInsideAndNothingElse) {
  EXPECT_EQ(ask(inner_get("/v1/models")).json()["data"][0]["id"], "tiny");
  EXPECT_EQ(ask(inner_get("/")).json()["api_version"], "aci/1");
  const Answer report = ask(inner_get("/v1/aci/attestation?nonce=" + kNonce));
  EXPECT_EQ(report.json()["attestation"]["report_data"],
            to_hex(aci::report_data(identity->published()->digest, kNonce)));
  EXPECT_EQ(ask({.path = "/v1/completions", .content = R"({"model":"tiny","prompt":"x"})"}).status,
            200);
  for (const std::string path : {"/health", "/v1/metrics", "/no"}) {
    EXPECT_EQ(ask(inner_get(path)).status, 404) << path;
  }
  EXPECT_EQ(ask(inner_get(std::string(seal::kOhttpPath))).json()["status"], 400);
}

TEST_F(SealedServiceTest, ErrorsAreInsideToo) {
  const Answer unread = ask(post("not json"));
  EXPECT_EQ(unread.status, 400);
  EXPECT_EQ(unread.error_type(), "invalid_request_error");
  EXPECT_EQ(unread.field("x-aci-keyset-digest"), identity->published()->digest);
  EXPECT_EQ(unread.field("access-control-allow-origin"), "");
  EXPECT_EQ(ask(inner_get("/v1/chat/completions")).status, 405);
  engine.refuse = Errc::limit;
  const Answer full = ask(post(kHello));
  EXPECT_EQ(full.status, 429);
  EXPECT_EQ(full.field("retry-after"), "1");
}

TEST_F(SealedServiceTest, NoSecondEncryptionInside) {
  for (const std::string header : {"x-e2ee-version", "x-client-pub-key", "x-model-pub-key",
                                   "x-e2ee-nonce", "x-e2ee-timestamp", "x-signing-algo"}) {
    auto twice = post(kHello);
    twice.fields.push_back({header, "2"});
    const Answer refused = ask(twice);
    EXPECT_EQ(refused.status, 400) << header;
    EXPECT_EQ(refused.error_type(), "invalid_request_error") << header;
    EXPECT_THAT(refused.content, HasSubstr("sealed channel"));
  }
  EXPECT_TRUE(engine.jobs.empty());
}

TEST_F(SealedServiceTest, ARequestIsTakenOnce) {
  Sent sent = prepare(post(kHello), options());
  begin(sent);
  EXPECT_EQ(finish(sent).status, 200);
  auto again = prepare(post(kHello), options());
  again.capsule = sent.capsule;
  begin(again);
  again.outer->wait();
  EXPECT_EQ(again.outer->status(), 200) << "the refusal is sealed";
  EXPECT_EQ(again.all().error().code, Errc::bad_signature) << "and for the sender alone";
  EXPECT_EQ(engine.jobs.size(), 1U);
  expect_counted("replayed");
  expect_counted("admitted");
}

TEST_F(SealedServiceTest, AnOldDateIsRefusedInside) {
  auto late = options();
  late.now = clock.now() - std::chrono::seconds{301};
  const Answer refused = ask(post(kHello), late);
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.json()["type"], "https://iana.org/assignments/http-problem-types#date");
  EXPECT_TRUE(engine.jobs.empty());
  expect_counted("date");
}

TEST_F(SealedServiceTest, OutsideARefusalLooksLikeAnAnswer) {
  for (const OhttpForm form : {OhttpForm::chunked, OhttpForm::whole}) {
    for (const Padding padding : {Padding::bucketed, Padding::constant}) {
      auto how = options();
      how.form = form;
      how.padding = padding;
      const auto outside = [&](Sent sent) {
        begin(sent, form);
        sent.outer->wait();
        EXPECT_EQ(sent.outer->status(), 200);
        return std::pair(sent.outer->headers().all(), sent.outer->body().size());
      };
      Sent sent = prepare(inner_get("/v1/aci/receipts/none"), how);
      const Bytes capsule = sent.capsule;
      const auto answered = outside(std::move(sent));
      Sent again = prepare(post(kHello), how);
      again.capsule = capsule;
      EXPECT_EQ(outside(std::move(again)), answered) << "a replay";
      auto late = how;
      late.now = clock.now() - std::chrono::seconds{301};
      EXPECT_EQ(outside(prepare(post(kHello), late)), answered) << "an old date";
    }
  }
  expect_counted("replayed");
  expect_counted("date");
}

TEST_F(SealedServiceTest, AKeyOfOthersIsRefusedInClear) {
  Sent sent = prepare(post(kHello), options());
  auto foreign =
      seal::seal_exchange(seal::GatewayKey::generate(1).config(), post(kHello), options()).value();
  sent.capsule = foreign.capsule;
  EXPECT_EQ(clear_problem(sent, 422)["type"],
            "https://iana.org/assignments/http-problem-types#ohttp-key");
  expect_counted("unknown_key");
}

TEST_F(SealedServiceTest, WhatIsNoEncapsulatedRequestIsRefusedInClear) {
  Sent sent = prepare(post(kHello), options());
  const Bytes capsule = sent.capsule;
  sent.capsule = {0x01};
  EXPECT_EQ(clear_problem(sent, 400)["status"], 400);
  expect_counted("malformed");
  // The first chunk's length, behind 7 bytes of header and 32 of the client's key.
  sent.capsule = capsule;
  sent.capsule.resize(39);
  append(sent.capsule, Bytes{0x80, 0x01, 0x00, 0x00});
  clear_problem(sent, 413);
  expect_counted("too_long");

  for (const auto& type : {"application/json", "message/ohttp-res", ""}) {
    auto outer = request("POST", std::string(seal::kOhttpPath), std::string(as_text(capsule)));
    if (*type != '\0') outer.headers.set("Content-Type", type);
    EXPECT_EQ(call(std::move(outer))->status(), 415) << type;
  }
  expect_counted("unsupported_type");
  const auto put = call(request("PUT", std::string(seal::kOhttpPath)));
  EXPECT_EQ(put->status(), 405);
  EXPECT_EQ(put->headers().get("Allow"), "GET, HEAD, POST, OPTIONS");
  EXPECT_TRUE(engine.jobs.empty());
}

struct SealingEpochs : SealedServiceTest {
  // Of the keys alone: the wall clock stays where it is.
  void next_epoch() {
    steady += std::chrono::hours{24};
    EXPECT_TRUE(identity->tend(steady).value());
  }
  seal::SteadyTime steady{};
};

TEST_F(SealingEpochs, AnEpochLastsItsTimeAndNoLonger) {
  const std::string before = identity->published()->digest;
  const auto after = [](std::int64_t n) { return seal::SteadyTime{std::chrono::seconds{n}}; };
  EXPECT_FALSE(identity->tend(after(86'399)).value());
  EXPECT_EQ(identity->published()->digest, before);
  EXPECT_TRUE(identity->tend(after(86'400)).value());
  EXPECT_NE(identity->published()->digest, before);
  EXPECT_FALSE(identity->tend(after(86'401)).value());

  const auto forever = Identity::create({.subject = "",
                                         .dns_names = {"localhost"},
                                         .ip_addresses = {},
                                         .now = from_unix(kNow),
                                         .sealing_epoch = std::chrono::seconds{0}})
                           .value();
  EXPECT_FALSE(forever->tend(after(86'400 * 365)).value());
}

TEST_F(SealingEpochs, OnlyTheSealingKeyChanges) {
  const Json before = identity->published()->keyset;
  next_epoch();
  Json after = identity->published()->keyset;
  EXPECT_NE(after["ohttp_key_configurations"], before["ohttp_key_configurations"]);
  after["ohttp_key_configurations"] = before["ohttp_key_configurations"];
  EXPECT_EQ(after, before);
}

TEST_F(SealingEpochs, EveryAnswerIsOfOneKeyset) {
  const Json old_report = parsed(*get("/v1/aci/attestation"));
  next_epoch();
  const std::string digest = identity->published()->digest;
  for (const std::string path : {"/v1/aci/attestation", "/v1/aci/attestation?nonce="}) {
    const auto report = get(path.ends_with('=') ? path + kNonce : path);
    EXPECT_EQ(report->headers().get("X-ACI-Keyset-Digest"), digest);
    EXPECT_EQ(parsed(*report)["workload_keyset_digest"], digest) << "no report of the old keyset";
  }
  EXPECT_NE(old_report["workload_keyset_digest"], digest);
  EXPECT_EQ(parsed(*get("/"))["workload_keyset_digest"], digest);
  EXPECT_EQ(ask(inner_get("/")).field("x-aci-keyset-digest"), digest);
}

TEST_F(SealingEpochs, AReplacedKeySaysSoForAWhileAndThenIsForgotten) {
  Sent early = prepare(post(kHello), options());
  next_epoch();
  begin(early);
  const Answer told = finish(early);
  EXPECT_EQ(told.status, 422);
  EXPECT_EQ(told.json()["type"], "https://iana.org/assignments/http-problem-types#ohttp-key");
  EXPECT_TRUE(engine.jobs.empty());
  expect_counted("retired_key");
  EXPECT_EQ(ask(post(kHello)).status, 200) << "with the new key it is served";

  steady += kSealingGrace;
  EXPECT_FALSE(identity->tend(steady).value());
  clear_problem(early, 422);
  expect_counted("unknown_key");
}

// The wall clock is the host's to step; how long a key lives is not.
TEST_F(SealingEpochs, SteppingTheClockNeitherKeepsAKeyNorRetiresOne) {
  for (const auto step : {-std::chrono::days{400}, std::chrono::days{25}}) {
    const auto before = identity->published();
    Sent early = prepare(post(kHello), options());
    clock.set(from_unix(kNow) + step);
    EXPECT_FALSE(identity->tend(steady).value());
    EXPECT_EQ(identity->published(), before);
    next_epoch();
    EXPECT_NE(identity->published(), before);
    begin(early);
    EXPECT_EQ(finish(early).status, 422) << "retired and within its grace";
    steady += kSealingGrace;
    EXPECT_FALSE(identity->tend(steady).value());
    clear_problem(early, 422);
    clock.set(from_unix(kNow));
    steady += std::chrono::hours{24} - kSealingGrace;
    EXPECT_TRUE(identity->tend(steady).value());
  }
}

TEST_F(SealingEpochs, ReceiptsStayVerifiableWithTheKeysetOfTheirRequest) {
  const Json held = identity->published()->keyset;
  engine.hold = true;
  Sent sent = prepare(post(kStream), options());
  begin(sent);
  while (!sent.outer->streamed()) std::this_thread::yield();
  next_epoch();
  engine.release();
  const Answer answer = finish(sent);
  EXPECT_EQ(answer.field("x-aci-keyset-digest"), aci::keyset_digest(held).value());
  EXPECT_EQ(verified(answer, held).client_nonce(), kNonce);
  engine.hold = false;
  const Answer later = ask(post(kHello));
  verified(later, identity->published()->keyset);
}

// The request was opened under one key when the key was replaced.
TEST_F(SealingEpochs, TheKeysetIsThatOfTheKeyThatWasSealedTo) {
  const auto old = identity->published();
  next_epoch();
  EXPECT_EQ(identity->published_with(old->sealing_key), old);
  EXPECT_EQ(identity->published_with(identity->published()->sealing_key), identity->published());
  // 256 epochs later its identifier is another key's.
  for (int i = 1; i < 256; ++i) next_epoch();
  EXPECT_EQ(identity->published()->key_configs[2], old->key_configs[2]);
  EXPECT_EQ(identity->published_with(old->sealing_key), nullptr);
}

TEST_F(SealedServiceTest, LogsAndMetricsHaveNoContent) {
  ::testing::internal::CaptureStderr();
  auto asking = post(R"({"model":"tiny","messages":[{"role":"user","content":"sesame"}]})");
  asking.fields.push_back({"authorization", "Bearer openly"});
  ask(asking);
  ask(inner_get("/secret-path"));
  for (const std::string& text : {::testing::internal::GetCapturedStderr(), metrics.text()}) {
    for (const std::string_view secret : {"sesame", "openly", "secret-path", "Paris"}) {
      EXPECT_EQ(text.find(secret), std::string::npos) << secret;
    }
  }
}

}  // namespace
}  // namespace confide::api
