#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "seal/e2ee.h"

namespace confide::seal {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kNow = 1'750'000'000;

E2eeHeaders to_headers(const ClientExchange& exchange) {
  E2eeHeaders out;
  for (const auto& [name, value] : exchange.headers()) {
    if (name == "X-E2EE-Version") out.version = value;
    if (name == "X-Client-Pub-Key") out.client_public_key = value;
    if (name == "X-Model-Pub-Key") out.model_public_key = value;
    if (name == "X-E2EE-Nonce") out.nonce = value;
    if (name == "X-E2EE-Timestamp") out.timestamp = value;
  }
  return out;
}

std::vector<OpeningKey> keys_of_both_suites() {
  std::vector<OpeningKey> keys;
  keys.push_back(OpeningKey::generate(Suite::x25519));
  keys.push_back(OpeningKey::generate(Suite::secp256k1));
  return keys;
}

// Both ends, with the bytes between them in the test's hands.
class ExchangeTest : public ::testing::TestWithParam<Suite> {
 protected:
  std::string service_key() const {
    return server_.keys()[GetParam() == Suite::x25519 ? 0 : 1].public_hex();
  }
  ClientExchange start() const {
    return ClientExchange::start(GetParam(), service_key(), from_unix(kNow)).value();
  }
  OpenedRequest send(const ClientExchange& exchange, const Json& body,
                     Endpoint endpoint = Endpoint::chat_completions) {
    auto opened =
        server_.open(to_headers(exchange), endpoint, json::compact(body), from_unix(kNow));
    EXPECT_TRUE(opened) << opened.error().type << ": " << opened.error().message;
    return *std::move(opened);
  }

  ServerChannel server_{keys_of_both_suites()};
};

INSTANTIATE_TEST_SUITE_P(Suites, ExchangeTest, ::testing::Values(Suite::x25519, Suite::secp256k1),
                         [](const auto& info) {
                           return std::string(info.param == Suite::x25519 ? "x25519" : "secp256k1");
                         });

TEST_P(ExchangeTest, ChatThereAndBack) {
  ClientExchange exchange = start();
  const Json clear = json::parse(R"({"model":"m-ü","temperature":0.70,"top_p":1.0,"messages":[
      {"role":"system","content":""},
      {"role":"user","content":"Was heißt \"naïve\"? 你好 🔒"}]})")
                         .value();
  Json body = clear;
  const std::string compact = exchange.seal_request(body, Endpoint::chat_completions).value();
  EXPECT_EQ(compact, json::compact(clear));
  EXPECT_THAT(json::compact(body), Not(HasSubstr("naïve")));
  const OpenedRequest opened = send(exchange, body);
  EXPECT_EQ(opened.body, clear);
  EXPECT_EQ(opened.compact, compact);

  const Json answer =
      json::parse(
          R"({"id":"chatcmpl-9","choices":[{"index":0,"message":{"role":"assistant","content":"Grüße 🔒"}}]})")
          .value();
  Json wire = answer;
  ASSERT_TRUE(opened.sealer.seal_body(wire));
  EXPECT_THAT(json::compact(wire), Not(HasSubstr("Gr")));
  ASSERT_TRUE(exchange.open_body(wire));
  EXPECT_EQ(wire, answer);
}

TEST_P(ExchangeTest, StreamThereAndBack) {
  ClientExchange exchange = start();
  Json body = json::parse(R"({"model":"m","stream":true,"messages":[{"content":"hi"}]})").value();
  ASSERT_TRUE(exchange.seal_request(body, Endpoint::chat_completions));
  const OpenedRequest opened = send(exchange, body);
  std::string text;
  for (const char* token : {"", "Gr", "ü", "ße 🔒", " "}) {
    Json chunk = {{"id", "chatcmpl-9"},
                  {"choices", Json::array({{{"index", 0}, {"delta", {{"content", token}}}}})}};
    ASSERT_TRUE(opened.sealer.seal_chunk(chunk));
    ASSERT_TRUE(exchange.open_chunk(chunk));
    text += chunk["choices"][0]["delta"].value("content", std::string());
  }
  EXPECT_EQ(text, "Grüße 🔒 ");
}

TEST_P(ExchangeTest, StructuredContentIsSealedWhole) {
  ClientExchange exchange = start();
  const Json clear = json::parse(R"({"model":"m","messages":[{"role":"user","content":[
      {"type":"text","text":"what is this?"},
      {"type":"image_url","image_url":{"url":"data:,x","detail":"low"}}]}]})")
                         .value();
  Json body = clear;
  const std::string compact = exchange.seal_request(body, Endpoint::chat_completions).value();
  EXPECT_TRUE(body["messages"][0]["content"].is_string());
  EXPECT_THAT(json::compact(body), Not(HasSubstr("image_url")));
  const OpenedRequest opened = send(exchange, body);
  EXPECT_EQ(opened.body, clear);
  EXPECT_EQ(opened.compact, compact);
}

// A user may well type a JSON array; it must reach the model as the text it is.
TEST_P(ExchangeTest, TextThatReadsAsAnArrayStaysText) {
  ClientExchange exchange = start();
  Json body =
      json::parse(R"({"model":"m","messages":[{"role":"user","content":" [1, 2]"}]})").value();
  const std::string compact = exchange.seal_request(body, Endpoint::chat_completions).value();
  const OpenedRequest opened = send(exchange, body);
  EXPECT_EQ(opened.compact, compact);
  EXPECT_EQ(json::compact(opened.body.at("messages")),
            R"([{"role":"user","content":[{"type":"text","text":" [1, 2]"}]}])");
}

TEST_P(ExchangeTest, CompletionsThereAndBack) {
  for (const char* prompt : {R"("[1] hello")", R"(["a","b",[1,2]])"}) {
    ClientExchange exchange = start();
    Json clear = {{"model", "m"}};
    clear["prompt"] = json::parse(prompt).value();
    Json body = clear;
    const std::string compact = exchange.seal_request(body, Endpoint::completions).value();
    const OpenedRequest opened = send(exchange, body, Endpoint::completions);
    EXPECT_EQ(opened.body, clear);
    EXPECT_EQ(opened.compact, compact);
    const Json answer =
        json::parse(R"({"id":"cmpl-1","choices":[{"index":0,"text":"yes"}]})").value();
    Json wire = answer;
    ASSERT_TRUE(opened.sealer.seal_body(wire));
    ASSERT_TRUE(exchange.open_body(wire));
    EXPECT_EQ(wire, answer);
  }
}

TEST_P(ExchangeTest, EachExchangeHasItsOwnKeyAndNonce) {
  const auto a = to_headers(start());
  const auto b = to_headers(start());
  EXPECT_NE(a.client_public_key, b.client_public_key);
  EXPECT_NE(a.nonce, b.nonce);
  EXPECT_EQ(a.timestamp, std::to_string(kNow));
  EXPECT_FALSE(a.signing_algo);
}

TEST_P(ExchangeTest, AClearAnswerIsRefused) {
  const ClientExchange exchange = start();
  for (const char* text :
       {R"({"choices":[{"message":{"content":"hello"}}]})",
        R"({"choices":[{"message":{"content":"","reasoning":"hello"}}]})",
        R"({"choices":[{"message":{"content":["hello"]}}]})",
        R"({"choices":[{"message":{"content":1}}]})", R"({"choices":[{"message":["hello"]}]})",
        R"({"choices":[{"text":"hello"}]})", R"({"choices":{"0":"hello"}})",
        R"({"choices":[{"message":{"audio":{"data":"hello"}}}]})"}) {
    Json body = json::parse(text).value();
    const Status status = exchange.open_body(body);
    ASSERT_FALSE(status) << text;
    EXPECT_EQ(status.error().code, Errc::malformed);
  }
  Json chunk = json::parse(R"({"choices":[{"delta":{"content":"hello"}}]})").value();
  const Status status = exchange.open_chunk(chunk);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::malformed);
}

TEST_P(ExchangeTest, WhatNeedsNoSealMayBeClear) {
  const ClientExchange exchange = start();
  for (const char* text : {R"({"error":{"message":"no"}})", R"({"choices":[],"usage":{}})",
                           R"({"choices":[{"message":{"content":null,"tool_calls":[]}}]})",
                           R"({"choices":[{"message":{"role":"assistant","content":""}}]})"}) {
    Json body = json::parse(text).value();
    EXPECT_TRUE(exchange.open_body(body)) << text;
  }
}

TEST_P(ExchangeTest, AnswersAreBoundToTheirPlaceAndId) {
  ClientExchange exchange = start();
  Json body = json::parse(R"({"model":"m","messages":[{"content":"hi"}]})").value();
  ASSERT_TRUE(exchange.seal_request(body, Endpoint::chat_completions));
  const OpenedRequest opened = send(exchange, body);
  Json good = json::parse(R"({"id":"a","choices":[{"index":0,"message":{"content":"x"}},
                                                  {"index":1,"message":{"content":"y"}}]})")
                  .value();
  ASSERT_TRUE(opened.sealer.seal_body(good));
  const auto expect_refused = [](const ClientExchange& by, Json answer) {
    const Status status = by.open_body(answer);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Errc::bad_signature);
  };
  Json bad = good;
  bad["id"] = "b";
  expect_refused(exchange, bad);
  bad = good;
  std::swap(bad["choices"][0]["message"], bad["choices"][1]["message"]);
  expect_refused(exchange, bad);
  bad = good;
  bad["choices"][0]["message"]["reasoning"] = bad["choices"][0]["message"]["content"];
  expect_refused(exchange, bad);
  expect_refused(start(), good);
  EXPECT_TRUE(exchange.open_body(good));
}

TEST_P(ExchangeTest, ARequestNeedsAModelAndSomethingToSeal) {
  const auto expect_malformed = [&](const char* text) {
    ClientExchange exchange = start();
    Json body = json::parse(text).value();
    const auto sealed = exchange.seal_request(body, Endpoint::chat_completions);
    ASSERT_FALSE(sealed);
    EXPECT_EQ(sealed.error().code, Errc::malformed);
  };
  expect_malformed(R"({"messages":[{"content":"hi"}]})");
  expect_malformed(R"({"model":1,"messages":[{"content":"hi"}]})");
  expect_malformed(R"({"model":"m","messages":[]})");
  expect_malformed(R"({"model":"m","prompt":"hi"})");
  expect_malformed(R"([])");
}

TEST_P(ExchangeTest, TheServiceKeyMustBeOne) {
  for (const std::string& key :
       {std::string(), std::string("zz"), service_key() + "00",
        server_.keys()[GetParam() == Suite::x25519 ? 1 : 0].public_hex()}) {
    const auto exchange = ClientExchange::start(GetParam(), key, from_unix(kNow));
    ASSERT_FALSE(exchange);
    EXPECT_EQ(exchange.error().code, Errc::malformed);
  }
}

}  // namespace
}  // namespace confide::seal
