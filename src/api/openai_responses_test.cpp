// /v1/responses: items into a conversation, and an answer into items and events.
#include "api/openai_responses.h"

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
using ::testing::StartsWith;

struct OpenaiResponsesTest : ServiceTest {
  std::shared_ptr<FakeExchange> ask(std::string_view members) {
    return call(request("POST", "/v1/responses", fmt::format(R"({{"model":"tiny",{}}})", members)));
  }
  static std::vector<Json> events(const FakeExchange& exchange) {
    std::vector<Json> out;
    net::SseParser parser([&](std::string_view data) { out.push_back(json::parse(data).value()); });
    EXPECT_TRUE(parser.feed(exchange.body()));
    for (std::size_t i = 0; i < out.size(); ++i) {
      EXPECT_EQ(out[i]["sequence_number"], i);
      EXPECT_THAT(exchange.body(),
                  HasSubstr("event: " + out[i]["type"].get<std::string>() + "\ndata: "));
    }
    return out;
  }
  static std::vector<std::string> types(const std::vector<Json>& events) {
    std::vector<std::string> out;
    for (const Json& event : events) out.push_back(event["type"]);
    return out;
  }
};

TEST_F(OpenaiResponsesTest, ATextIsAnsweredWithAMessage) {
  engine.reasoning_tokens = 2;
  const auto exchange =
      ask(R"("input":"hi","instructions":"Be brief.","max_output_tokens":9,"store":false)");
  ASSERT_EQ(exchange->status(), 200) << exchange->body();
  const auto& messages = engine.conversations.back().messages;
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].role, "system");
  EXPECT_EQ(messages[0].content, "Be brief.");
  EXPECT_EQ(messages[1].content, "hi");
  EXPECT_EQ(engine.jobs.back().max_tokens, 9);

  const Json answer = parsed(*exchange);
  EXPECT_THAT(answer["id"].get<std::string>(), StartsWith("resp_"));
  EXPECT_EQ(answer["object"], "response");
  EXPECT_EQ(answer["status"], "completed");
  EXPECT_EQ(answer["instructions"], "Be brief.");
  EXPECT_EQ(answer["store"], false);
  ASSERT_EQ(answer["output"].size(), 1U);
  EXPECT_EQ(answer["output"][0]["type"], "message");
  EXPECT_EQ(answer["output"][0]["content"][0]["text"], "Paris.");
  EXPECT_EQ(answer["usage"]["output_tokens"], 3);
  EXPECT_EQ(answer["usage"]["output_tokens_details"]["reasoning_tokens"], 2);
  EXPECT_EQ(receipt_of(*exchange)["endpoint"], "/v1/responses");
  EXPECT_EQ(receipt_of(*exchange)["chat_id"], answer["id"]);
}

TEST_F(OpenaiResponsesTest, ItemsOfOneAnswerAreOneMessage) {
  const auto exchange = ask(R"("input":[
      {"role":"user","content":[{"type":"input_text","text":"We"},{"type":"input_text","text":"ather?"}]},
      {"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"look"}]},
      {"type":"message","role":"assistant","content":[{"type":"output_text","text":"Wait."}]},
      {"type":"function_call","call_id":"c1","name":"get","arguments":"{}"},
      {"type":"function_call","call_id":"c2","name":"put","arguments":"{}"},
      {"type":"function_call_output","call_id":"c1","output":"rain"},
      {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"ok"}]},
      {"type":"message","role":"assistant","content":"It rains."}])");
  ASSERT_EQ(exchange->status(), 200) << exchange->body();
  const auto& messages = engine.conversations.back().messages;
  ASSERT_EQ(messages.size(), 5U);
  EXPECT_EQ(messages[0].content, "Weather?");
  EXPECT_EQ(messages[1].reasoning, "look");
  EXPECT_EQ(messages[1].content, "Wait.");
  ASSERT_EQ(messages[1].tool_calls.size(), 2U);
  EXPECT_EQ(messages[1].tool_calls[1].name, "put");
  EXPECT_EQ(messages[2].tool_call_id, "c1");
  EXPECT_EQ(messages[3].content, "ok");
  EXPECT_EQ(messages[4].content, "It rains.");
}

TEST_F(OpenaiResponsesTest, ToolsAndFormatsAreFlat) {
  ASSERT_EQ(
      ask(R"("input":"hi","tools":[{"type":"function","name":"get","parameters":{"type":"object"}},
                   {"type":"function","name":"put"}],
                   "tool_choice":{"type":"function","name":"get"},"reasoning":{"effort":"none"},
                   "text":{"format":{"type":"json_schema","name":"a","schema":{"type":"array"}}})")
          ->status(),
      200);
  const engine::Conversation& got = engine.conversations.back();
  ASSERT_EQ(got.tools.size(), 1U);
  EXPECT_EQ(got.tools[0].parameters, R"({"type":"object"})");
  EXPECT_EQ(got.tool_use, engine::ToolUse::required);
  EXPECT_EQ(got.answer_schema, R"({"type":"array"})");
  EXPECT_FALSE(got.thinking);
  ASSERT_EQ(ask(R"("input":"hi","tools":[{"type":"function","name":"get"}],"tool_choice":
                   {"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"get"}]})")
                ->status(),
            200);
  EXPECT_EQ(engine.conversations.back().tool_use, engine::ToolUse::required);
}

TEST_F(OpenaiResponsesTest, EventsTellTheAnswerItemByItem) {
  engine.pieces = {{"think: hm\n"}, {"Paris.\n"}, {"call: get {\"x\":1}\n"}};
  const auto exchange = ask(R"("input":"hi","stream":true)");
  const auto got = events(*exchange);
  // Text comes in as many deltas as the engine and the workers happen to make of it.
  EXPECT_THAT(
      types(got),
      ElementsAre("response.created", "response.in_progress", "response.output_item.added",
                  "response.content_part.added", "response.reasoning_text.delta",
                  "response.reasoning_text.done", "response.content_part.done",
                  "response.output_item.done", "response.output_item.added",
                  "response.content_part.added", "response.output_text.delta",
                  "response.output_text.done", "response.content_part.done",
                  "response.output_item.done", "response.output_item.added",
                  "response.function_call_arguments.delta", "response.function_call_arguments.done",
                  "response.output_item.done", "response.completed"));
  EXPECT_EQ(got[2]["item"]["content"], Json::array());
  EXPECT_EQ(got[10]["delta"], "Paris.\n");
  EXPECT_EQ(got[10]["output_index"], 1);
  EXPECT_EQ(got[10]["item_id"], got[8]["item"]["id"]);
  EXPECT_EQ(got[14]["item"]["name"], "get");
  EXPECT_THAT(got[14]["item"]["call_id"].get<std::string>(), StartsWith("call_"));
  EXPECT_EQ(got[16]["arguments"], R"({"x":1})");
  const Json& response = got.back()["response"];
  ASSERT_EQ(response["output"].size(), 3U);
  EXPECT_EQ(response["output"][0]["content"][0]["text"], "hm");
  EXPECT_EQ(response["output"][1], got[13]["item"]);
  EXPECT_EQ(response["output"][2]["arguments"], R"({"x":1})");
  EXPECT_EQ(response["usage"]["output_tokens"], 3);
  EXPECT_THAT(exchange->body(), Not(HasSubstr("[DONE]")));
  EXPECT_EQ(event_hash(receipt_of(*exchange), "response.returned"),
            crypto::sha256_tag(as_bytes(exchange->body())));
}

TEST_F(OpenaiResponsesTest, WhatWasCutOffIsIncomplete) {
  engine.finish = engine::Finish::length;
  const Json answer = parsed(*ask(R"("input":"hi")"));
  EXPECT_EQ(answer["status"], "incomplete");
  EXPECT_EQ(answer["incomplete_details"]["reason"], "max_output_tokens");
  EXPECT_EQ(answer["output"][0]["status"], "incomplete");
  const auto got = events(*ask(R"("input":"hi","stream":true)"));
  EXPECT_EQ(got.back()["type"], "response.incomplete");
  EXPECT_EQ(got[got.size() - 2]["item"]["status"], "incomplete");
}

TEST_F(OpenaiResponsesTest, AStreamThatFailsEndsWithAnErrorEvent) {
  engine.finish = engine::Finish::error;
  const auto got = events(*ask(R"("input":"hi","stream":true)"));
  EXPECT_EQ(got.back()["type"], "error");
  EXPECT_EQ(got.back()["code"], "internal_error");
}

TEST_F(OpenaiResponsesTest, LogprobsComeIfTheyAreIncluded) {
  engine.pieces = {
      {"a", {{.picked = {.token = 1, .bytes = "a", .logprob = -1.0F}, .likeliest = {}}}}};
  const Json answer =
      parsed(*ask(R"("input":"hi","include":["message.output_text.logprobs"],"top_logprobs":2)"));
  EXPECT_EQ(engine.jobs.back().sampling.logprobs, 2);
  EXPECT_EQ(answer["output"][0]["content"][0]["logprobs"][0]["token"], "a");
  EXPECT_EQ(parsed(*ask(R"("input":"hi")"))["output"][0]["content"][0]["logprobs"], Json::array());
}

TEST_F(OpenaiResponsesTest, WhatItDoesNotOfferIsNamed) {
  struct Case {
    std::string members, param;
  };
  for (const Case& c : {
           Case{R"("input":"x","store":true)", "store"},
           Case{R"("input":"x","previous_response_id":"r")", "previous_response_id"},
           Case{R"("input":"x","conversation":"c")", "conversation"},
           Case{R"("input":"x","background":true)", "background"},
           Case{R"("input":"x","truncation":"auto")", "truncation"},
           Case{R"("input":"x","include":["file_search_call.results"])", "include"},
           Case{R"("input":"x","text":{"verbosity":"low"})", "text.verbosity"},
           Case{R"("input":"x","text":{"format":{"type":"json_schema","name":"a"}})",
                "text.format.schema"},
           Case{R"("input":"x","reasoning":{"effort":"huge"})", "reasoning.effort"},
           Case{R"("input":"x","tools":[{"type":"web_search"}])", "tools.0.type"},
           Case{R"("input":"x","tools":[{"type":"function","name":""}])", "tools.0.name"},
           Case{R"("input":"x","n":2)", "n"},
           Case{R"("input":"x","messages":[])", "messages"},
           Case{R"("max_output_tokens":1)", "input"},
           Case{R"("input":[])", "input"},
           Case{R"("input":[{"type":"item_reference","id":"x"}])", "input.0.type"},
           Case{R"("input":[{"role":"tool","content":"x"}])", "input.0.role"},
           Case{R"("input":[{"role":"user"}])", "input.0.content"},
           Case{R"("input":[{"role":"user","content":[{"type":"input_image","image_url":"x"}]}])",
                "input.0.content.0"},
           Case{R"("input":[{"type":"function_call_output","call_id":"x","output":"y"}])",
                "input.0.call_id"},
           Case{R"("input":[{"type":"function_call","call_id":"x","name":"y"}])",
                "input.0.arguments"},
       }) {
    const auto refused = ask(c.members);
    EXPECT_EQ(refused->status(), 400) << c.members;
    EXPECT_EQ(parsed(*refused)["error"]["param"], c.param) << c.members;
  }
  EXPECT_TRUE(engine.jobs.empty());
  auto stray = request("POST", "/v1/responses", R"({"model":"tiny","input":"x"})");
  stray.headers.set("X-E2EE-Version", "2");
  EXPECT_EQ(error_type(*call(std::move(stray))), "e2ee_unsupported_endpoint");
}

TEST_F(OpenaiResponsesTest, ObfuscationMakesEventsOfEvenSizes) {
  engine.pieces = {{"It "}, {"is "}, {"a"}, {" rather long answer."}};
  const auto plain = ask(R"("input":"hi","stream":true)");
  EXPECT_THAT(plain->body(), Not(HasSubstr("obfuscation")));
  const auto even =
      ask(R"("input":"hi","stream":true,"stream_options":{"include_obfuscation":true})");
  std::string text;
  for (const Json& event : events(*even)) {
    EXPECT_EQ(json::compact(event).size() % 256, 0U) << event["type"];
    if (event["type"] != "response.output_text.delta") continue;
    text += event["delta"];
    EXPECT_LE(event["delta"].get<std::string>().size(), 16U);
  }
  EXPECT_EQ(text, "It is a rather long answer.");
  EXPECT_EQ(ask(R"("input":"hi","stream_options":{"include_obfuscation":true})")->status(), 400);
  EXPECT_EQ(
      ask(R"("input":"hi","stream":true,"stream_options":{"include_obfuscation":1})")->status(),
      400);
}

}  // namespace
}  // namespace confide::api
