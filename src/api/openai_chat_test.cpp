// Chat completions: what reaches the engine, and the form of the answer.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service_fixture_test.h"
#include "net/sse.h"

namespace confide::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

struct OpenaiChatTest : ServiceTest {
  // `members` go before the messages.
  std::shared_ptr<FakeExchange> ask(
      std::string_view members, std::string_view messages = R"([{"role":"user","content":"hi"}])") {
    return chat(fmt::format(R"({{"model":"tiny",{}"messages":{}}})", members, messages));
  }
  void expect_refused(std::string_view members, std::string_view param,
                      std::string_view messages = R"([{"role":"user","content":"hi"}])") {
    const auto refused = ask(members, messages);
    EXPECT_EQ(refused->status(), 400) << members << messages;
    EXPECT_EQ(parsed(*refused)["error"]["type"], "invalid_request_error");
    EXPECT_EQ(parsed(*refused)["error"]["param"], param) << members << messages;
  }
  static std::vector<Json> chunks(const FakeExchange& exchange) {
    std::vector<Json> out;
    net::SseParser parser([&](std::string_view data) { out.push_back(json::parse(data).value()); });
    EXPECT_TRUE(parser.feed(exchange.body()));
    EXPECT_TRUE(parser.complete());
    return out;
  }
};

engine::TokenReport report(std::string bytes, float logprob) {
  return {.picked = {.token = 7, .bytes = bytes, .logprob = logprob},
          .likeliest = {{.token = 7, .bytes = bytes, .logprob = logprob},
                        {.token = 8, .bytes = "\xC3", .logprob = -50000.0F}}};
}

TEST_F(OpenaiChatTest, AConversationReachesTheEngineWhole) {
  const auto answered = ask("", R"([
      {"role":"developer","content":"Be brief."},
      {"role":"user","name":"ann","content":[{"type":"text","text":"We"},{"type":"text","text":"ather?"}]},
      {"role":"assistant","content":null,"reasoning_content":"look",
       "tool_calls":[{"id":"c1","type":"function","function":{"name":"get","arguments":"{\"x\":1}"}}]},
      {"role":"tool","tool_call_id":"c1","content":"rain"},
      {"role":"assistant","content":[{"type":"refusal","refusal":"No."}]},
      {"role":"user","content":"Why?"}])");
  ASSERT_EQ(answered->status(), 200) << answered->body();
  const auto& messages = engine.conversations.back().messages;
  ASSERT_EQ(messages.size(), 6U);
  EXPECT_EQ(messages[0].role, "developer");
  EXPECT_EQ(messages[1].content, "Weather?");
  EXPECT_EQ(messages[1].name, "ann");
  EXPECT_EQ(messages[2].reasoning, "look");
  ASSERT_EQ(messages[2].tool_calls.size(), 1U);
  EXPECT_EQ(messages[2].tool_calls[0].id, "c1");
  EXPECT_EQ(messages[2].tool_calls[0].arguments, R"({"x":1})");
  EXPECT_EQ(messages[3].tool_call_id, "c1");
  EXPECT_EQ(messages[3].name, "get") << "as the call has it";
  EXPECT_EQ(messages[4].content, "No.");
}

TEST_F(OpenaiChatTest, MessagesThatCannotBeReadAreNamedByTheirPath) {
  const auto call = [](std::string_view entry) {
    return fmt::format(R"([{{"role":"assistant","tool_calls":[{}]}}])", entry);
  };
  struct Case {
    std::string messages, param;
  };
  for (
      const Case& c : {
          Case{
              R"([{"role":"user","content":"a"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"x"}}]}])",
              "messages.1.content.1"},
          Case{R"([{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"x"}}]}])",
               "messages.0.content.0"},
          Case{R"([{"role":"user","content":[{"type":"refusal","refusal":"x"}]}])",
               "messages.0.content.0"},
          Case{R"([{"role":"user","content":[{"type":"text"}]}])", "messages.0.content.0.text"},
          Case{R"([{"role":"user","content":[1]}])", "messages.0.content.0.type"},
          Case{R"([{"role":"user","content":1}])", "messages.0.content"},
          Case{R"([{"role":"function","name":"f","content":"x"}])", "messages.0"},
          Case{R"([{"role":"assistant","function_call":{}}])", "messages.0.function_call"},
          Case{R"([{"role":"assistant","audio":{"id":"x"}}])", "messages.0.audio"},
          Case{R"([{"role":"tool","content":"x"}])", "messages.0.tool_call_id"},
          Case{R"([{"role":"tool","tool_call_id":"none","content":"x"}])",
               "messages.0.tool_call_id"},
          Case{call(R"({"type":"function","function":{"name":"f","arguments":"{}"}})"),
               "messages.0.tool_calls.0.id"},
          Case{call(R"({"id":"c","type":"custom","custom":{}})"), "messages.0.tool_calls.0.type"},
          Case{call(R"({"id":"c","function":{"name":"f","arguments":{}}})"),
               "messages.0.tool_calls.0.function.arguments"},
          Case{call(R"({"id":"c","function":{"arguments":"{}"}})"),
               "messages.0.tool_calls.0.function.name"},
      }) {
    expect_refused("", c.param, c.messages);
  }
  EXPECT_TRUE(engine.jobs.empty());
}

TEST_F(OpenaiChatTest, WhatTheSamplerIsToldIsWhatWasAsked) {
  ask(R"("logit_bias":{"7":-100,"9":1.5},"logprobs":true,"top_logprobs":3,
         "max_completion_tokens":9,"top_k":5,)");
  ASSERT_EQ(engine.jobs.size(), 1U);
  EXPECT_THAT(engine.jobs[0].sampling.bias, ElementsAre(Pair(7, -100.0F), Pair(9, 1.5F)));
  EXPECT_EQ(engine.jobs[0].sampling.logprobs, 3);
  EXPECT_EQ(engine.jobs[0].max_tokens, 9);
  EXPECT_EQ(engine.jobs[0].sampling.top_k, 5);
  ask(R"("logprobs":true,)");
  EXPECT_EQ(engine.jobs[1].sampling.logprobs, 0);
  ask("");
  EXPECT_EQ(engine.jobs[2].sampling.logprobs, -1);
  for (const auto bad :
       {R"("logit_bias":{"x":1},)", R"("logit_bias":{"7":101},)", R"("logit_bias":{"7":"1"},)",
        R"("logit_bias":[],)", R"("logit_bias":{"1000":1},)", R"("logit_bias":{"-1":1},)"}) {
    expect_refused(bad, "logit_bias");
  }
  expect_refused(R"("top_logprobs":1,)", "top_logprobs");
  expect_refused(R"("logprobs":true,"top_logprobs":21,)", "top_logprobs");
  expect_refused(R"("logprobs":1,)", "logprobs");
}

TEST_F(OpenaiChatTest, LogprobsShowBytesThatAreNoCharacters) {
  engine.pieces = {{"\xC3\xA9", {report("\xC3", -0.5F), report("\xA9", -0.25F)}}, {"!", {}}};
  const Json answer = parsed(*ask(R"("logprobs":true,"top_logprobs":2,)"));
  const Json& content = answer["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(content.size(), 2U);
  EXPECT_EQ(content[0]["token"], "\\xc3");
  EXPECT_EQ(content[0]["bytes"], Json::array({0xC3}));
  EXPECT_EQ(content[0]["logprob"], -0.5);
  EXPECT_EQ(content[0]["top_logprobs"][1]["logprob"], -9999.0) << "JSON has no infinity";

  const auto streamed = chunks(*ask(R"("stream":true,"logprobs":true,"top_logprobs":2,)"));
  std::size_t tokens = 0;
  for (const Json& chunk : streamed) {
    const Json& logprobs = chunk["choices"][0]["logprobs"];
    if (!logprobs.is_null()) tokens += logprobs["content"].size();
  }
  EXPECT_EQ(tokens, 2U);
}

TEST_F(OpenaiChatTest, ReasoningAndCallsHaveMembersOfTheirOwn) {
  engine.pieces = {{"think: hm\n"}, {"call: get {\"x\":1}\n"}, {"call: put {}\n"}};
  const Json choice = parsed(*ask(""))["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "tool_calls");
  EXPECT_EQ(choice["message"]["content"], nullptr);
  EXPECT_EQ(choice["message"]["reasoning"], "hm");
  EXPECT_EQ(choice["message"]["reasoning_content"], "hm");
  const Json& calls = choice["message"]["tool_calls"];
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0]["type"], "function");
  EXPECT_EQ(calls[0]["function"]["name"], "get");
  EXPECT_EQ(calls[0]["function"]["arguments"], R"({"x":1})");
  EXPECT_THAT(calls[0]["id"].get<std::string>(), ::testing::StartsWith("call_"));
  EXPECT_NE(calls[0]["id"], calls[1]["id"]);
}

TEST_F(OpenaiChatTest, StreamedCallsComeInPiecesWithOneIdEach) {
  engine.pieces = {{"think: hm\n"}, {"call: get {\"x\":1}\n"}, {"call: put {}\n"}};
  std::vector<std::string> ids(2), names(2), arguments(2);
  std::string reasoning, finish;
  for (const Json& chunk : chunks(*ask(R"("stream":true,)"))) {
    const Json& choice = chunk["choices"][0];
    const Json& delta = choice["delta"];
    reasoning += delta.value("reasoning_content", "");
    if (choice["finish_reason"].is_string()) finish = choice["finish_reason"];
    if (!delta.contains("tool_calls")) continue;
    for (const Json& call : delta["tool_calls"]) {
      const auto index = call["index"].get<std::size_t>();
      ids.at(index) += call.value("id", "");
      if (call.contains("id")) EXPECT_EQ(call["type"], "function");
      names[index] += call["function"].value("name", "");
      arguments[index] += call["function"].value("arguments", "");
    }
  }
  EXPECT_EQ(reasoning, "hm");
  EXPECT_EQ(finish, "tool_calls");
  EXPECT_THAT(names, ElementsAre("get", "put"));
  EXPECT_THAT(arguments, ElementsAre(R"({"x":1})", "{}"));
  EXPECT_THAT(ids[0], ::testing::StartsWith("call_"));
  EXPECT_EQ(ids[0].size(), 5U + 24U) << "given once";
}

TEST_F(OpenaiChatTest, ThinkingCanBeTurnedOff) {
  const auto thinking = [this](std::string_view members) {
    EXPECT_EQ(ask(members)->status(), 200) << members;
    return engine.conversations.back().thinking;
  };
  EXPECT_TRUE(thinking(""));
  EXPECT_TRUE(thinking(R"("reasoning_effort":"low",)"));
  EXPECT_FALSE(thinking(R"("reasoning_effort":"none",)"));
  EXPECT_FALSE(thinking(R"("chat_template_kwargs":{"enable_thinking":false},)"));
  expect_refused(R"("reasoning_effort":"huge",)", "reasoning_effort");
  expect_refused(R"("chat_template_kwargs":{"date":"x"},)", "chat_template_kwargs");
  expect_refused(R"("chat_template_kwargs":{"enable_thinking":1},)",
                 "chat_template_kwargs.enable_thinking");
}

TEST_F(OpenaiChatTest, AResponseFormatIsASchemaForTheAnswer) {
  const auto schema = [this](std::string_view format) {
    EXPECT_EQ(ask(fmt::format(R"("response_format":{},)", format))->status(), 200) << format;
    return engine.conversations.back().answer_schema;
  };
  EXPECT_EQ(schema(R"({"type":"text"})"), "");
  EXPECT_EQ(schema(R"({"type":"json_object"})"), R"({"type":"object"})");
  EXPECT_EQ(schema(R"({"type":"json_schema","json_schema":{"name":"a","strict":true,
                       "schema":{"type":"array"}}})"),
            R"({"type":"array"})");
  for (const auto& [format, param] : std::initializer_list<std::pair<std::string, std::string>>{
           {"1", "response_format"},
           {"{}", "response_format.type"},
           {R"({"type":"xml"})", "response_format.type"},
           {R"({"type":"json_schema"})", "response_format.json_schema"},
           {R"({"type":"json_schema","json_schema":{"schema":{}}})",
            "response_format.json_schema.name"},
           {R"({"type":"json_schema","json_schema":{"name":"a"}})",
            "response_format.json_schema.schema"}}) {
    expect_refused(fmt::format(R"("response_format":{},)", format), param);
  }
}

TEST_F(OpenaiChatTest, WhatTheEngineCannotFollowIsNamed) {
  const std::string schema =
      R"("response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{}}},)";
  const std::string tools = R"("tools":[{"type":"function","function":{"name":"f"}}],)";
  engine.follows_schemas = false;
  expect_refused(schema, "response_format");
  engine.follows_schemas = true;
  engine.takes_tools = false;
  expect_refused(tools, "tools");
  engine.unreadable = Errc::malformed;
  expect_refused(schema, "messages");
}

TEST_F(OpenaiChatTest, UsageTellsWhatWasFoundInTheCache) {
  engine.cached_tokens = 2;
  engine.reasoning_tokens = 1;
  const Json usage = parsed(*ask(""))["usage"];
  EXPECT_EQ(usage["prompt_tokens_details"]["cached_tokens"], 2);
  EXPECT_EQ(usage["completion_tokens_details"]["reasoning_tokens"], 1);
  EXPECT_THAT(chunks(*ask(R"("stream":true,"stream_options":{"include_usage":true},)"))
                  .back()["usage"]["prompt_tokens_details"]["cached_tokens"],
              2);
  expect_refused(R"("stream":true,"stream_options":{"include_usage":1},)",
                 "stream_options.include_usage");
}

TEST_F(OpenaiChatTest, AnswersEndWithTheContextUnlessItShifts) {
  ask(R"("max_tokens":1000,)");
  EXPECT_LT(engine.jobs.back().max_tokens, 200);
  engine.model.shifts = true;
  ask(R"("max_tokens":1000,)");
  EXPECT_EQ(engine.jobs.back().max_tokens, 1000);
  ask(R"("max_tokens":1000000,)");
  EXPECT_EQ(engine.jobs.back().max_tokens, 8 * 200);
  ask("");
  EXPECT_LT(engine.jobs.back().max_tokens, 200);
}

TEST_F(OpenaiChatTest, UnknownMembersAreRefusedAndKnownOnesByWhatTheyAsk) {
  const auto refused = ask(R"("nonsense":1,)");
  EXPECT_EQ(refused->status(), 400);
  EXPECT_EQ(parsed(*refused)["error"]["message"],
            "Unrecognized request argument supplied: nonsense");
  EXPECT_THAT(ask(R"("a b\u00e9":1,)")->body(), Not(HasSubstr("a b")));
  for (const auto name :
       {"functions", "function_call", "store", "modalities", "audio", "prediction",
        "web_search_options", "verbosity", "suffix", "min_p", "repetition_penalty", "guided_json",
        "grammar", "stop_token_ids", "echo", "best_of", "cache_prompt"}) {
    expect_refused(fmt::format(R"("{}":{{"x":1}},)", name), name);
    EXPECT_EQ(ask(fmt::format(R"("{}":null,)", name))->status(), 200) << name;
  }
  for (const auto harmless :
       {R"("store":false,)", R"("modalities":["text"],)", R"("top_k":-1,)", R"("min_p":0.0,)",
        R"("best_of":1,)", R"("user":"u","metadata":{"a":"b"},"service_tier":"auto",)",
        R"("safety_identifier":"s","prompt_cache_retention":"24h","provider":{"order":["x"]},)",
        R"("functions":[],"function_call":"none","parallel_tool_calls":false,)"}) {
    EXPECT_EQ(ask(harmless)->status(), 200) << harmless;
  }
}

}  // namespace
}  // namespace confide::api
