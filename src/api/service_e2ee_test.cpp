// What E2EE version 2 has no field for must not leave in clear. docs/protocols/e2ee.md, E12.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service_fixture_test.h"

namespace confide::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct ServiceE2eeTest : ServiceTest {
  struct Exchanged {
    std::shared_ptr<FakeExchange> exchange;
    seal::ClientExchange client;
  };
  Exchanged send(const std::string& path, seal::Endpoint endpoint, const std::string& text) {
    const auto keyset = aci::parse_keyset(identity->published()->keyset).value().keyset;
    const auto suite = seal::Suite::x25519;
    std::string key;
    for (const auto& entry : keyset.e2ee_public_keys) {
      if (entry.algo == seal::to_string(suite)) key = entry.public_key;
    }
    auto client = seal::ClientExchange::start(suite, key, clock.now()).value();
    Json body = json::parse(text).value();
    EXPECT_TRUE(client.seal_request(body, endpoint));
    auto sealed = request("POST", path, json::compact(body));
    for (const auto& [name, value] : client.headers()) sealed.headers.set(name, value);
    return {call(std::move(sealed)), std::move(client)};
  }
  Exchanged send_chat(std::string_view members,
                      std::string_view messages = R"([{"role":"user","content":"hi"}])") {
    return send("/v1/chat/completions", seal::Endpoint::chat_completions,
                fmt::format(R"({{"model":"tiny",{}"messages":{}}})", members, messages));
  }
};

TEST_F(ServiceE2eeTest, WhatIsSealedIsKeptForNobody) {
  const auto answered = send_chat(R"("cache_salt":"shared",)").exchange;
  EXPECT_EQ(answered->status(), 200) << answered->body();
  EXPECT_EQ(engine.jobs.back().cache_key, "");
}

TEST_F(ServiceE2eeTest, WhatWouldCarryContentOutsideTheFieldsIsRefusedByName) {
  struct Case {
    std::string members, messages, param;
  };
  const std::string hi = R"([{"role":"user","content":"hi"}])";
  for (
      const Case& c : {
          Case{R"("tools":[{"type":"function","function":{"name":"f"}}],)", hi, "tools"},
          Case{R"("logprobs":true,)", hi, "logprobs"},
          Case{
              R"("response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{}}},)",
              hi, "response_format"},
          Case{"", R"([{"role":"user","content":"hi"},{"role":"assistant","content":"",
                        "tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}])",
               "messages.1.tool_calls"},
          Case{"", R"([{"role":"assistant","content":"a","reasoning_content":"b"}])",
               "messages.0.reasoning_content"},
      }) {
    const auto refused = send_chat(c.members, c.messages).exchange;
    EXPECT_EQ(refused->status(), 400) << c.members;
    EXPECT_EQ(error_type(*refused), "e2ee_unsupported_endpoint") << refused->body();
    EXPECT_EQ(parsed(*refused)["error"]["param"], c.param);
    EXPECT_THAT(refused->body(), HasSubstr("OHTTP"));
  }
  for (const std::string param : {"logprobs", "suffix"}) {
    const std::string value = param == "suffix" ? "\"x\"" : "1";
    const auto completion = send("/v1/completions", seal::Endpoint::completions,
                                 R"({"model":"tiny","prompt":"x",")" + param + "\":" + value + "}");
    EXPECT_EQ(error_type(*completion.exchange), "e2ee_unsupported_endpoint");
    EXPECT_EQ(parsed(*completion.exchange)["error"]["param"], param);
  }
  EXPECT_TRUE(engine.jobs.empty());
}

TEST_F(ServiceE2eeTest, WhatTheFieldsCoverIsServed) {
  engine.pieces = {{"think: hm\n"}, {"Paris."}};
  auto [exchange, client] = send_chat(R"("n":2,"response_format":{"type":"json_object"},)");
  ASSERT_EQ(exchange->status(), 200) << exchange->body();
  EXPECT_THAT(exchange->body(), Not(HasSubstr("hm")));
  Json answer = parsed(*exchange);
  ASSERT_TRUE(client.open_body(answer));
  for (const Json& choice : answer["choices"]) {
    EXPECT_EQ(choice["message"]["content"], "Paris.");
    EXPECT_EQ(choice["message"]["reasoning"], "hm");
    EXPECT_EQ(choice["message"]["reasoning_content"], "hm");
  }
}

TEST_F(ServiceE2eeTest, AnEchoIsSealedWithItsAnswer) {
  auto [exchange, client] = send("/v1/completions", seal::Endpoint::completions,
                                 R"({"model":"tiny","prompt":["secret"],"echo":true})");
  EXPECT_THAT(exchange->body(), Not(HasSubstr("secret")));
  Json answer = parsed(*exchange);
  ASSERT_TRUE(client.open_body(answer));
  EXPECT_EQ(answer["choices"][0]["text"], "secretParis.");
}

TEST_F(ServiceE2eeTest, ACallThatNobodyAskedForDoesNotLeaveInClear) {
  engine.pieces = {{"call: get {\"x\":\"secret\"}\n"}};
  const auto buffered = send_chat("").exchange;
  EXPECT_EQ(buffered->status(), 500);
  EXPECT_THAT(buffered->body(), Not(HasSubstr("secret")));
  const auto streamed = send_chat(R"("stream":true,)").exchange;
  EXPECT_TRUE(streamed->aborted());
  EXPECT_THAT(streamed->body(), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace confide::api
