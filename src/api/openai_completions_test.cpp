// Completions: prompts in all their forms, and the older way of writing log-probabilities.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service_fixture_test.h"
#include "net/sse.h"

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

TEST_F(OpenaiCompletionsTest, EchoWithLogprobsReportsOnThePromptFirst) {
  engine.prompt_reports = {
      {.picked = {.token = 1, .bytes = "On", .logprob = 0}, .likeliest = {}, .given = true},
      {.picked = {.token = 2, .bytes = "ce", .logprob = -0.5F},
       .likeliest = {{.token = 3, .bytes = "ly", .logprob = -0.25F}}}};
  engine.pieces = {
      {" up", {{.picked = {.token = 4, .bytes = " up", .logprob = -1.0F}, .likeliest = {}}}}};
  const std::string_view asking = R"("prompt":"Once","echo":true,"logprobs":1,"n":2)";
  const Json answer = parsed(*ask(asking));
  EXPECT_TRUE(engine.jobs.back().prompt_reports);
  ASSERT_EQ(answer["choices"].size(), 2U);
  for (const Json& choice : answer["choices"]) {
    EXPECT_EQ(choice["text"], "Once up");
    const Json& logprobs = choice["logprobs"];
    EXPECT_EQ(logprobs["tokens"], Json::array({"On", "ce", " up"}));
    EXPECT_EQ(logprobs["token_logprobs"], Json::array({nullptr, -0.5, -1.0}));
    EXPECT_EQ(logprobs["top_logprobs"][0], nullptr);
    EXPECT_EQ(logprobs["top_logprobs"][1], Json({{"ly", -0.25}}));
    EXPECT_EQ(logprobs["text_offset"], Json::array({0, 2, 4}));
  }
  std::string text;
  Json tokens = Json::array();
  Json offsets = Json::array();
  net::SseParser parser([&](std::string_view data) {
    const auto chunk = json::parse(data);
    if (!chunk) return;  // [DONE]
    const Json& choice = (*chunk)["choices"][0];
    text += choice["text"];
    for (const Json& token : choice["logprobs"]["tokens"]) tokens.push_back(token);
    for (const Json& offset : choice["logprobs"]["text_offset"]) offsets.push_back(offset);
  });
  ASSERT_TRUE(
      parser.feed(ask(R"("prompt":"Once","echo":true,"logprobs":1,"stream":true)")->body()));
  EXPECT_EQ(text, "Once up");
  EXPECT_EQ(tokens, Json::array({"On", "ce", " up"}));
  EXPECT_EQ(offsets, Json::array({0, 2, 4}));
  EXPECT_FALSE((ask(R"("prompt":"Once","logprobs":1)"), engine.jobs.back().prompt_reports));
  EXPECT_FALSE((ask(R"("prompt":"Once","echo":true)"), engine.jobs.back().prompt_reports));
}

TEST_F(OpenaiCompletionsTest, APromptMayBeReportedOnAlone) {
  engine.prompt_reports = {
      {.picked = {.token = 1, .bytes = "On", .logprob = 0}, .likeliest = {}, .given = true}};
  engine.pieces = {};
  engine.finish = engine::Finish::length;
  const Json answer = parsed(*ask(R"("prompt":"On","echo":true,"logprobs":0,"max_tokens":0)"));
  EXPECT_EQ(engine.jobs.back().max_tokens, 0);
  EXPECT_EQ(answer["choices"][0]["text"], "On");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(answer["choices"][0]["logprobs"]["token_logprobs"], Json::array({nullptr}));
  EXPECT_EQ(answer["usage"]["completion_tokens"], 0);
}

TEST_F(OpenaiCompletionsTest, ASuffixIsWhatTheAnswerComesBefore) {
  EXPECT_EQ(ask(R"("prompt":["ab","c"],"suffix":"de")")->status(), 200);
  ASSERT_EQ(engine.jobs.size(), 2U);
  EXPECT_EQ(engine.jobs[0].prompt.size(), 7U) << "three tokens around both";
  EXPECT_EQ(engine.jobs[1].prompt.size(), 6U);
  EXPECT_EQ(ask(R"("prompt":"ab","suffix":"")")->status(), 200);
  EXPECT_EQ(engine.jobs.back().prompt.size(), 2U);
  const auto tokens = ask(R"("prompt":[1,2],"suffix":"de")");
  EXPECT_EQ(tokens->status(), 400);
  EXPECT_EQ(parsed(*tokens)["error"]["param"], "suffix");
  engine.fills_in = false;
  const auto refused = ask(R"("prompt":"ab","suffix":"de")");
  EXPECT_EQ(refused->status(), 400);
  EXPECT_EQ(parsed(*refused)["error"]["param"], "suffix");
  EXPECT_EQ(engine.jobs.size(), 3U);
}

TEST_F(OpenaiCompletionsTest, WhatItDoesNotOfferIsNamed) {
  for (const auto& [members, param] : std::initializer_list<std::pair<std::string, std::string>>{
           {R"("suffix":1)", "suffix"},
           {R"("suffix":"x","echo":true)", "echo"},
           {R"("max_tokens":0)", "max_tokens"},
           {R"("max_tokens":0,"echo":true)", "max_tokens"},
           {R"("max_tokens":-1,"echo":true,"logprobs":0)", "max_tokens"},
           {R"("best_of":3,"n":2)", "best_of"},
           {R"("logprobs":6)", "logprobs"},
           {R"("logprobs":true)", "logprobs"},
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
