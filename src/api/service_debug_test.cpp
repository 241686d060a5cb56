#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service_fixture_test.h"

namespace confide::api {
namespace {

struct ServiceDebugTest : ServiceTest {
  std::unique_ptr<Identity> other = make_identity();
  Service open{{.provenance = {}, .debug_endpoints = true}, parts(), *other};

  std::shared_ptr<FakeExchange> ask(const std::string& path, std::string body) {
    auto exchange = std::make_shared<FakeExchange>();
    open.handle(request("POST", path, std::move(body)), exchange);
    exchange->wait();
    return exchange;
  }
};

TEST_F(ServiceDebugTest, ThereIsNothingUnlessItIsEnabled) {
  const std::string nothing = get("/no")->body();
  for (const std::string path : {"/tokenize", "/detokenize", "/apply-template"}) {
    const auto refused = call(request("POST", path, R"({"prompt":"x"})"));
    EXPECT_EQ(refused->status(), 404) << path;
    EXPECT_EQ(refused->body(), nothing) << path;
  }
}

TEST_F(ServiceDebugTest, TextsAndConversationsBecomeTokens) {
  for (const std::string body : {R"({"model":"tiny","prompt":"abc"})", R"({"content":"abc"})"}) {
    const Json answer = parsed(*ask("/tokenize", body));
    EXPECT_EQ(answer["tokens"], Json::array({1, 1, 1})) << body;
    EXPECT_EQ(answer["count"], 3);
    EXPECT_EQ(answer["max_model_len"], 200);
  }
  const Json chat = parsed(*ask(
      "/tokenize", R"({"messages":[{"role":"user","content":"ab"}],"return_token_strs":true})"));
  EXPECT_EQ(chat["count"], 3);
  EXPECT_EQ(chat["token_strs"], Json::array({"a", "a", "a"}));
}

TEST_F(ServiceDebugTest, TokensBecomeTextUnderBothNames) {
  const Json answer = parsed(*ask("/detokenize", R"({"tokens":[1,2]})"));
  EXPECT_EQ(answer["prompt"], "aa");
  EXPECT_EQ(answer["content"], "aa");
}

TEST_F(ServiceDebugTest, TheTemplatedPromptIsShown) {
  EXPECT_EQ(parsed(*ask("/apply-template", R"({"messages":[{"role":"user","content":"ab"}]})")),
            Json({{"prompt", "aaa"}}));
  EXPECT_TRUE(engine.jobs.empty());
}

TEST_F(ServiceDebugTest, WhatCannotBeReadIsNamed) {
  struct Case {
    std::string path, body;
    Json param;
    int status = 400;
  };
  for (const Case& c :
       {Case{"/tokenize", "{}", "prompt"}, Case{"/tokenize", "x", nullptr},
        Case{"/tokenize", R"({"content":1})", "content"},
        Case{"/tokenize", R"({"messages":[]})", "messages"},
        Case{"/tokenize", R"({"prompt":"a","model":"none"})", "model", 404},
        Case{"/detokenize", "{}", "tokens"}, Case{"/detokenize", R"({"tokens":[-1]})", "tokens"},
        Case{"/detokenize", R"({"tokens":["a"]})", "tokens"},
        Case{"/apply-template", "{}", "messages"}}) {
    const auto refused = ask(c.path, c.body);
    EXPECT_EQ(refused->status(), c.status) << c.path << c.body;
    EXPECT_EQ(parsed(*refused)["error"]["param"], c.param) << c.path << c.body;
  }
}

TEST_F(ServiceDebugTest, E2eeHasNoFieldsHere) {
  auto stray = request("POST", "/tokenize", R"({"prompt":"x"})");
  stray.headers.set("X-E2EE-Version", "2");
  auto exchange = std::make_shared<FakeExchange>();
  open.handle(std::move(stray), exchange);
  exchange->wait();
  EXPECT_EQ(exchange->status(), 400);
  EXPECT_EQ(error_type(*exchange), "e2ee_unsupported_endpoint");
}

}  // namespace
}  // namespace confide::api
