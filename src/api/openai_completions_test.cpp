// Completions: prompts in all their forms, and the older way of writing log-probabilities.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service_fixture_test.h"

namespace confide::api {
namespace {

struct OpenaiCompletionsTest : ServiceTest {
  std::shared_ptr<FakeExchange> ask(std::string_view members) {
    return call(
        request("POST", "/v1/completions", fmt::format(R"({{"model":"tiny",{}}})", members)));
  }
};

TEST_F(OpenaiCompletionsTest, TextAndTokensAloneOrInLists) {
  EXPECT_EQ(parsed(*ask(R"("prompt":"Once")"))["choices"][0]["text"], "Paris.");
  EXPECT_EQ(engine.jobs.back().max_tokens, 16) << "OpenAI's default";
  EXPECT_EQ(ask(R"("prompt":[1,2,3])")->status(), 200);
  EXPECT_EQ(engine.jobs.back().prompt, (std::vector<engine::Token>{1, 2, 3}));
  EXPECT_EQ(parsed(*ask(R"("prompt":[[1,2],[3]])"))["choices"].size(), 2U);
  EXPECT_EQ(engine.jobs.back().prompt, (std::vector<engine::Token>{3}));
  for (const std::string_view bad :
       {R"("prompt":[1000])", R"("prompt":[-1])", R"("prompt":["a",1])", R"("prompt":[1,"a"])",
        R"("prompt":[[]])", R"("prompt":[])", R"("prompt":"")", R"("prompt":{})",
        R"("max_tokens":1)"}) {
    const auto refused = ask(bad);
    EXPECT_EQ(refused->status(), 400) << bad;
    EXPECT_EQ(parsed(*refused)["error"]["param"], "prompt") << bad;
  }
}

TEST_F(OpenaiCompletionsTest, EchoComesBeforeEachAnswerAndIsNoCompletion) {
  const Json answer = parsed(*ask(R"("prompt":["Q: ",[1,2]],"echo":true,"n":2)"));
  ASSERT_EQ(answer["choices"].size(), 4U);
  EXPECT_EQ(answer["choices"][1]["text"], "Q: Paris.");
  EXPECT_EQ(answer["choices"][3]["text"], "aaParis.") << "the text of the tokens";
  EXPECT_EQ(answer["usage"]["completion_tokens"], 12);
  const auto streamed = ask(R"("prompt":"Q: ","echo":true,"stream":true)");
  EXPECT_LT(streamed->body().find(R"("text":"Q: ")"), streamed->body().find(R"("text":"Par)"));
  EXPECT_EQ(ask(R"("prompt":"Q: ","echo":false)")->status(), 200);
}

TEST_F(OpenaiCompletionsTest, LogprobsHaveTheOlderForm) {
  engine.pieces = {{"\xC3\xA9t",
                    {{.picked = {.token = 1, .bytes = "\xC3\xA9", .logprob = -1.0F},
                      .likeliest = {{.token = 1, .bytes = "\xC3\xA9", .logprob = -1.0F}}},
                     {.picked = {.token = 2, .bytes = "t", .logprob = -2.0F}, .likeliest = {}}}}};
  const Json logprobs = parsed(*ask(R"("prompt":"x","logprobs":1)"))["choices"][0]["logprobs"];
  EXPECT_EQ(engine.jobs.back().sampling.logprobs, 1);
  EXPECT_EQ(logprobs["tokens"], Json::array({"\xC3\xA9", "t"}));
  EXPECT_EQ(logprobs["token_logprobs"], Json::array({-1.0, -2.0}));
  EXPECT_EQ(logprobs["top_logprobs"][0]["\xC3\xA9"], -1.0);
  EXPECT_EQ(logprobs["text_offset"], Json::array({0, 1})) << "in characters";
  EXPECT_EQ(parsed(*ask(R"("prompt":"x")"))["choices"][0]["logprobs"], nullptr);
}

TEST_F(OpenaiCompletionsTest, WhatItDoesNotOfferIsNamed) {
  for (const auto& [members, param] : std::initializer_list<std::pair<std::string, std::string>>{
           {R"("suffix":"x")", "suffix"},
           {R"("best_of":3,"n":2)", "best_of"},
           {R"("logprobs":6)", "logprobs"},
           {R"("logprobs":true)", "logprobs"},
           {R"("echo":true,"logprobs":1)", "echo"},
           {R"("echo":1)", "echo"},
           {R"("messages":[])", "messages"},
           {R"("response_format":{"type":"json_object"})", "response_format"},
           {R"("max_completion_tokens":5)", "max_completion_tokens"},
           {R"("n":129)", "n"}}) {
    const auto refused = ask(members + R"(,"prompt":"x")");
    EXPECT_EQ(refused->status(), 400) << members;
    EXPECT_EQ(parsed(*refused)["error"]["param"], param) << members;
  }
  EXPECT_EQ(ask(R"("best_of":2,"n":2,"suffix":null,"prompt":"x")")->status(), 200);
  EXPECT_EQ(engine.jobs.size(), 1U);
}

}  // namespace
}  // namespace confide::api
