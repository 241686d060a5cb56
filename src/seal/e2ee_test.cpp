#include "seal/e2ee.h"

#include <atomic>
#include <cctype>
#include <thread>
#include <type_traits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "seal/server_fixture_test.h"

namespace confide::seal {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

static_assert(!std::is_default_constructible_v<ResponseSealer>);
static_assert(!std::is_copy_constructible_v<OpeningKey>);

class ServerOpenTest : public ServerTest {};

INSTANTIATE_TEST_SUITE_P(Suites, ServerOpenTest, ::testing::Values(Suite::x25519, Suite::secp256k1),
                         suite_name);

TEST_P(ServerOpenTest, RestoresTheRequest) {
  const ManualClient c = client();
  Json body = chat(c, "Grüß Gott €\n\"");
  body["temperature"] = 1e-07;
  const auto opened = open(c.headers(), body);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->compact,
            "{\"model\":\"demo-model\",\"messages\":[{\"role\":\"user\",\"content\":"
            "\"Grüß Gott €\\n\\\"\"}],\"temperature\":1e-7}");
  EXPECT_EQ(json::compact(opened->body), opened->compact);
  EXPECT_EQ(opened->sealer.suite(), GetParam());
}

TEST_P(ServerOpenTest, OpensStructuredContent) {
  const ManualClient c = client();
  Json body = json::parse(R"({"model":"demo-model","messages":[
      {"role":"user","content":[{"type":"text"},{"type":"image_url","image_url":{"detail":"low"}},
                                {"type":"input_audio","input_audio":{"format":"wav"}}]},
      {"role":"assistant","content":null,"tool_calls":[]},
      {"role":"user"},
      {"role":"user"}]})")
                  .value();
  body["messages"][0]["content"][0]["text"] = c.seal("messages.0.content.0.text", "[1]");
  body["messages"][0]["content"][1]["image_url"]["url"] =
      c.seal("messages.0.content.1.image_url.url", "data:,x");
  body["messages"][0]["content"][2]["input_audio"]["data"] =
      c.seal("messages.0.content.2.input_audio.data", "UklG");
  body["messages"][2]["content"] =
      c.seal("messages.2.content", R"( [{"type":"text","text":"whole"}] )");
  body["messages"][3]["content"] = c.seal("messages.3.content", "[not json");
  const auto opened = open(c.headers(), body);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->body.at("messages"),
            json::parse(R"([{"role":"user","content":[{"type":"text","text":"[1]"},
            {"type":"image_url","image_url":{"detail":"low","url":"data:,x"}},
            {"type":"input_audio","input_audio":{"format":"wav","data":"UklG"}}]},
          {"role":"assistant","content":null,"tool_calls":[]},
          {"role":"user","content":[{"type":"text","text":"whole"}]},
          {"role":"user","content":"[not json"}])")
                .value());
}

TEST_P(ServerOpenTest, OpensCompletions) {
  ManualClient c = client();
  Json body = {{"model", "demo-model"}, {"prompt", c.seal("prompt", "[1,2]")}};
  auto opened = open(c.headers(), body, kNow, Endpoint::completions);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->body.at("prompt"), "[1,2]");

  c.nonce.back() = 'e';
  body["prompt"] =
      Json::array({c.seal("prompt.0", "one"), Json::array({1, 2}), 3, c.seal("prompt.3", "two")});
  opened = open(c.headers(), body, kNow, Endpoint::completions);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(json::compact(opened->body.at("prompt")), R"(["one",[1,2],3,"two"])");
}

TEST_P(ServerOpenTest, TakesOtherSpellingsOfKeys) {
  ManualClient c = client();
  E2eeHeaders headers = c.headers();
  headers.client_public_key = "0x" + *headers.client_public_key;
  std::string upper = *headers.model_public_key;
  for (char& ch : upper) ch = static_cast<char>(std::toupper(static_cast<unsigned char>(ch)));
  headers.model_public_key = upper;
  EXPECT_TRUE(open(headers, chat(c)));

  if (GetParam() == Suite::secp256k1) {
    c.nonce.back() = 'e';
    headers = c.headers();
    headers.client_public_key = headers.client_public_key->substr(2);
    headers.model_public_key = headers.model_public_key->substr(2);
    EXPECT_TRUE(open(headers, chat(c)));
  }
}

TEST_P(ServerOpenTest, RefusesOtherVersions) {
  const ManualClient c = client();
  for (const char* version : {"", "1", "3", "2.0", " 2"}) {
    E2eeHeaders headers = c.headers();
    headers.version = version;
    headers.nonce.reset();
    expect_refused(headers, chat(c), "e2ee_invalid_version");
  }
  E2eeHeaders headers = c.headers();
  headers.signing_algo = "ecdsa";
  expect_refused(headers, chat(c), "e2ee_invalid_version");
}

TEST_P(ServerOpenTest, AllFiveHeadersAreNeeded) {
  const ManualClient c = client();
  using Header = std::optional<std::string> E2eeHeaders::*;
  for (const Header header :
       {&E2eeHeaders::version, &E2eeHeaders::client_public_key, &E2eeHeaders::model_public_key,
        &E2eeHeaders::nonce, &E2eeHeaders::timestamp}) {
    E2eeHeaders headers = c.headers();
    (headers.*header).reset();
    expect_refused(headers, chat(c), "e2ee_header_missing");
    E2eeHeaders alone;
    EXPECT_FALSE(alone.any());
    alone.*header = "2";
    EXPECT_TRUE(alone.any());
    expect_refused(alone, chat(c), "e2ee_header_missing");
  }
  E2eeHeaders legacy;
  legacy.signing_algo = "ecdsa";
  EXPECT_TRUE(legacy.any());
}

TEST_P(ServerOpenTest, NonceIs64HexDigits) {
  const ManualClient c = client();
  for (const std::string& nonce :
       {std::string(), c.nonce.substr(1), c.nonce + "0", "0x" + c.nonce, "0x" + c.nonce.substr(2),
        c.nonce.substr(1) + "g", c.nonce.substr(0, 32)}) {
    E2eeHeaders headers = c.headers();
    headers.nonce = nonce;
    headers.timestamp = "bad too, but looked at later";
    expect_refused(headers, chat(c), "e2ee_invalid_nonce");
  }
}

TEST_P(ServerOpenTest, TimestampIsDecimal) {
  const ManualClient c = client();
  for (const char* timestamp :
       {"", "-1750000000", "+1750000000", " 1750000000", "1750000000 ", "1750000000.0",
        "0x684ee180", "175000000O", "99999999999999999999"}) {
    E2eeHeaders headers = c.headers();
    headers.timestamp = timestamp;
    headers.model_public_key = "bad too, but looked at later";
    expect_refused(headers, chat(c), "e2ee_invalid_timestamp");
  }
}

TEST_P(ServerOpenTest, TimestampIsWithin300Seconds) {
  for (const std::int64_t skew : {-300, 300}) {
    ManualClient c = client();
    c.timestamp = kNow + skew;
    EXPECT_TRUE(open(c.headers(), chat(c))) << skew;
  }
  for (const std::int64_t skew : {-301, 301}) {
    ManualClient c = client();
    c.timestamp = kNow + skew;
    expect_refused(c.headers(), chat(c), "e2ee_invalid_timestamp");
  }
}

TEST_P(ServerOpenTest, ModelKeyMustBeOurs) {
  const ManualClient c = client();
  for (const std::string& key :
       {std::string(), std::string("xyz"), OpeningKey::generate(GetParam()).public_hex(),
        "00" + c.service_key}) {
    E2eeHeaders headers = c.headers();
    headers.model_public_key = key;
    headers.client_public_key = "bad too, but looked at later";
    expect_refused(headers, chat(c), "e2ee_model_key_mismatch");
  }
}

TEST_P(ServerOpenTest, ClientKeyMustBeUsableAndOfTheSuite) {
  const ManualClient c = client();
  const Suite other = GetParam() == Suite::x25519 ? Suite::secp256k1 : Suite::x25519;
  for (const std::string& key :
       {std::string(), std::string("xyz"), OpeningKey::generate(other).public_hex(),
        "04" + std::string(128, '1'), std::string(64, '0'), "01" + std::string(62, '0'),
        c.own.public_hex() + "00"}) {
    SCOPED_TRACE(key);
    E2eeHeaders headers = c.headers();
    headers.client_public_key = key;
    expect_refused(headers, Json("no object, but looked at later"), "e2ee_invalid_public_key");
  }
}

TEST_P(ServerOpenTest, BodyMustBeAJsonObject) {
  const ManualClient c = client();
  for (const char* text : {"", "{", "[]", "null", R"({"model":"a","model":"b"})"}) {
    const auto opened =
        channel_.open(c.headers(), Endpoint::chat_completions, text, from_unix(kNow));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().type, "e2ee_decryption_failed");
  }
}

TEST_P(ServerOpenTest, ModelMustBeAString) {
  const ManualClient c = client();
  for (const Json& model : {Json(), Json(1), Json::array({"demo-model"})}) {
    Json body = chat(c);
    body["model"] = model;
    expect_refused(c.headers(), body, "e2ee_invalid_payload_model");
  }
  Json body = chat(c);
  body.erase("model");
  expect_refused(c.headers(), body, "e2ee_invalid_payload_model");
}

TEST_P(ServerOpenTest, FieldsAreBoundToTheirModel) {
  const ManualClient c = client();
  Json body = chat(c);
  body["model"] = "demo-model-2";
  expect_refused(c.headers(), body, "e2ee_decryption_failed");
}

TEST_P(ServerOpenTest, FieldsAreBoundToTheirPlace) {
  const ManualClient c = client();
  Json body = chat(c);
  body["messages"].push_back(
      {{"role", "user"}, {"content", c.seal("messages.1.content", "again")}});
  Json swapped = body;
  std::swap(swapped["messages"][0]["content"], swapped["messages"][1]["content"]);
  expect_refused(c.headers(), swapped, "e2ee_decryption_failed");
  EXPECT_TRUE(open(c.headers(), body));
}

TEST_P(ServerOpenTest, FieldsAreBoundToNonceAndTimestamp) {
  const ManualClient c = client();
  const Json body = chat(c);
  E2eeHeaders headers = c.headers();
  headers.nonce->back() = '0';
  expect_refused(headers, body, "e2ee_decryption_failed");
  headers = c.headers();
  headers.timestamp = std::to_string(kNow + 1);
  expect_refused(headers, body, "e2ee_decryption_failed");
  // The nonce counts as it was sent, letter case included.
  headers = c.headers();
  headers.nonce->back() = 'f';
  expect_refused(headers, body, "e2ee_decryption_failed");
}

TEST_P(ServerOpenTest, NothingAtASealedPlaceMayBeClear) {
  const ManualClient c = client();
  for (const char* clear : {"You are a helpful assistant.", "", "00"}) {
    Json body = chat(c);
    body["messages"].push_back({{"role", "system"}, {"content", clear}});
    expect_refused(c.headers(), body, "e2ee_decryption_failed");
  }
  Json body = chat(c);
  body["messages"].push_back(
      {{"role", "user"}, {"content", Json::array({{{"type", "text"}, {"text", "clear"}}})}});
  expect_refused(c.headers(), body, "e2ee_decryption_failed");
}

TEST_P(ServerOpenTest, SomethingMustBeSealed) {
  const ManualClient c = client();
  for (const char* messages : {"[]", "null", R"([{"role":"user","content":null}])", R"(["x"])",
                               R"([{"role":"user","content":[{"type":"text"}]}])"}) {
    Json body = {{"model", "demo-model"}};
    body["messages"] = json::parse(messages).value();
    expect_refused(c.headers(), body, "e2ee_decryption_failed");
  }
  const auto tokens = open(c.headers(), {{"model", "demo-model"}, {"prompt", Json::array({1, 2})}},
                           kNow, Endpoint::completions);
  ASSERT_FALSE(tokens);
  EXPECT_EQ(tokens.error().type, "e2ee_decryption_failed");
}

TEST_P(ServerOpenTest, TheNumberOfFieldsIsBounded) {
  const ManualClient c = client();
  Json body = {{"model", "demo-model"}, {"prompt", Json::array()}};
  std::size_t visited = 0;
  for (std::size_t i = 0; i <= kMaxFields; ++i) body["prompt"].push_back("x");
  const Status status = visit_request(body, Endpoint::completions, [&](const Location&, Json&) {
    ++visited;
    return Status();
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::limit);
  EXPECT_EQ(visited, kMaxFields);
}

TEST_P(ServerOpenTest, ErrorsDoNotRepeatTheRequest) {
  const ManualClient c = client();
  E2eeHeaders headers = c.headers();
  headers.timestamp = "s3cret";
  EXPECT_THAT(open(headers, chat(c)).error().message, Not(HasSubstr("s3cret")));
  Json body = chat(c);
  body["messages"][0]["content"] = "s3cret";
  EXPECT_THAT(open(c.headers(), body).error().message, Not(HasSubstr("s3cret")));
}

TEST_P(ServerOpenTest, ARequestIsTakenOnce) {
  const ManualClient c = client();
  const Json body = chat(c);
  EXPECT_TRUE(open(c.headers(), body));
  expect_refused(c.headers(), body, "e2ee_replay_detected");
  // Neither another spelling of the nonce nor of the key makes it another request, and being a
  // replay is said before anything is opened.
  E2eeHeaders headers = c.headers();
  for (char& ch : *headers.nonce)
    ch = static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
  headers.client_public_key = "0x" + *headers.client_public_key;
  expect_refused(headers, body, "e2ee_replay_detected");
}

TEST_P(ServerOpenTest, AFutureRequestIsNotTakenAgainLater) {
  ManualClient c = client();
  c.timestamp = kNow + 300;
  const Json body = chat(c);
  EXPECT_TRUE(open(c.headers(), body));
  for (const std::int64_t later : {299, 300, 301, 302, 599, 600}) {
    expect_refused(c.headers(), body, "e2ee_replay_detected", kNow + later);
  }
  expect_refused(c.headers(), body, "e2ee_invalid_timestamp", kNow + 601);
}

TEST_P(ServerOpenTest, WhatDoesNotOpenTakesNoReplaySlot) {
  ServerChannel small(service_keys(), 2);
  ManualClient c = client();
  for (int i = 0; i < 20; ++i) {
    c.nonce[0] = static_cast<char>('0' + i % 10);
    c.nonce[1] = static_cast<char>('0' + i / 10);
    Json body = chat(c);
    body["messages"][0]["content"] = std::string(200, '0');
    const auto opened =
        small.open(c.headers(), Endpoint::chat_completions, json::compact(body), from_unix(kNow));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().type, "e2ee_decryption_failed");
  }
  EXPECT_TRUE(
      small.open(c.headers(), Endpoint::chat_completions, json::compact(chat(c)), from_unix(kNow)));
}

TEST_P(ServerOpenTest, WhenReplaysCannotBeToldRequestsAreRefused) {
  ServerChannel small(service_keys(), 2);
  ManualClient c = client();
  std::vector<std::string> outcomes;
  for (const char first : {'1', '2', '3'}) {
    c.nonce[0] = first;
    const auto opened = small.open(c.headers(), Endpoint::chat_completions, json::compact(chat(c)),
                                   from_unix(kNow));
    outcomes.push_back(opened ? "opened" : opened.error().type);
  }
  EXPECT_THAT(outcomes, ::testing::ElementsAre("opened", "opened", "e2ee_replay_detected"));
}

TEST_P(ServerOpenTest, OfSimultaneousCopiesOneIsTaken) {
  const ManualClient c = client();
  const std::string body = json::compact(chat(c));
  const E2eeHeaders headers = c.headers();
  std::atomic<int> taken = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        if (channel_.open(headers, Endpoint::chat_completions, body, from_unix(kNow))) ++taken;
      });
    }
  }
  EXPECT_EQ(taken, 1);
}

}  // namespace
}  // namespace confide::seal
