// What of a request in Anthropic's form reaches the engine, and what is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/fakes_for_test.h"
#include "api/messages.h"

namespace confide::api {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// An array, however many there are.
template <class... T>
Json list(T... each) {
  return Json::array({Json(std::move(each))...});
}
Json object(Json members) { return members; }
Json text_block(std::string text) { return {{"type", "text"}, {"text", std::move(text)}}; }
Json says(std::string role, Json content) {
  return {{"role", std::move(role)}, {"content", std::move(content)}};
}
Json weather_call(std::string id = "toolu_1") {
  return {{"type", "tool_use"},
          {"id", std::move(id)},
          {"name", "weather"},
          {"input", {{"city", "Oslo"}}}};
}
Json result_of(std::string id, Json content) {
  return {{"type", "tool_result"}, {"tool_use_id", std::move(id)}, {"content", std::move(content)}};
}
Json weather_tool() {
  return {{"name", "weather"},
          {"description", "Tells the weather."},
          {"input_schema", {{"type", "object"}, {"properties", Json::object()}}}};
}

struct MessagesRequest : ::testing::Test {
  std::unique_ptr<const GenerationApi> api = messages_api();

  static Json body_with(Json messages) {
    return {{"model", "tiny"}, {"max_tokens", 2000}, {"messages", std::move(messages)}};
  }
  static Json hello() { return body_with(list(says("user", "hi"))); }
  engine::Conversation conversation(const Json& body) const {
    auto parsed = api->parse(body);
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message);
    return parsed ? std::get<engine::Conversation>(parsed->generation.input)
                  : engine::Conversation();
  }
  engine::Conversation with(std::string_view member, Json value) const {
    Json body = hello();
    body[std::string(member)] = std::move(value);
    return conversation(body);
  }
  // The member that a refusal names; empty if it is none.
  std::string refused(const Json& body) const {
    const auto parsed = api->parse(body);
    if (parsed) return "";
    EXPECT_EQ(parsed.error().status, 400);
    EXPECT_THAT(parsed.error().message, HasSubstr(parsed.error().param));
    return parsed.error().param;
  }
  std::string refused(std::string_view member, Json value) const {
    Json body = hello();
    body[std::string(member)] = std::move(value);
    return refused(body);
  }
  std::string refused_messages(Json messages) const {
    return refused(body_with(std::move(messages)));
  }
};

TEST_F(MessagesRequest, StringsAndBlocksSayTheSame) {
  Json body = body_with(list(says("user", list(text_block("Name "), text_block("a city."))),
                             says("assistant", "Paris."), says("user", "Why?")));
  body["system"] = {{{"type", "text"}, {"text", "Be "}, {"cache_control", {{"type", "ephemeral"}}}},
                    text_block("brief.")};
  const auto said = conversation(body).messages;
  ASSERT_EQ(said.size(), 4U);
  EXPECT_EQ(said[0].role, "system");
  EXPECT_EQ(said[0].content, "Be brief.");
  EXPECT_EQ(said[1].content, "Name a city.");
  EXPECT_EQ(said[2].role, "assistant");
  EXPECT_EQ(said[3].content, "Why?");
}

TEST_F(MessagesRequest, MessagesOfOneRoleBecomeOne) {
  const auto said =
      conversation(body_with(list(says("user", "One."), says("user", list(text_block("Two."))))))
          .messages;
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].content, "One.\n\nTwo.");
}

TEST_F(MessagesRequest, CallsAndResultsAndThoughts) {
  Json result = result_of("toolu_2", list(text_block("no such "), text_block("city")));
  result["is_error"] = true;
  const auto said =
      conversation(
          body_with(
              {says("user", "Weather?"),
               says("assistant",
                    {{{"type", "thinking"}, {"thinking", "I must ask."}, {"signature", "anything"}},
                     text_block("Asking."),
                     weather_call("toolu_1"),
                     weather_call("toolu_2")}),
               says("user",
                    {std::move(result), result_of("toolu_1", "rain"), text_block("And now?")})}))
          .messages;
  ASSERT_EQ(said.size(), 5U);
  EXPECT_EQ(said[1].reasoning, "I must ask.");
  EXPECT_EQ(said[1].content, "Asking.");
  ASSERT_EQ(said[1].tool_calls.size(), 2U);
  EXPECT_EQ(said[1].tool_calls[0].id, "toolu_1");
  EXPECT_EQ(said[1].tool_calls[0].name, "weather");
  EXPECT_EQ(said[1].tool_calls[0].arguments, R"({"city":"Oslo"})");
  EXPECT_EQ(said[2].role, "tool");
  EXPECT_EQ(said[2].tool_call_id, "toolu_2");
  EXPECT_EQ(said[2].name, "weather");
  EXPECT_EQ(said[2].content, "Error: no such city");
  EXPECT_EQ(said[3].content, "rain");
  EXPECT_EQ(said[4].role, "user");
  EXPECT_EQ(said[4].content, "And now?");
}

TEST_F(MessagesRequest, EveryCallHasOneResultRightAfterIt) {
  const Json asked = says("user", "Weather?");
  const Json called = says("assistant", list(weather_call()));
  EXPECT_EQ(refused_messages(list(asked, called, says("user", "Well?"))), "messages.2.content");
  EXPECT_EQ(
      refused_messages(list(asked, called,
                            says("user", list(text_block("Well?"), result_of("toolu_1", "rain"))))),
      "messages.2.content.0.type");
  EXPECT_EQ(refused_messages(list(asked, called, says("user", list(result_of("toolu_9", "rain"))))),
            "messages.2.content.0.tool_use_id");
  EXPECT_EQ(
      refused_messages(list(
          asked, called, says("user", list(result_of("toolu_1", "a"), result_of("toolu_1", "b"))))),
      "messages.2.content.1.tool_use_id");
  EXPECT_EQ(
      refused_messages(list(asked, says("assistant", list(weather_call(), weather_call("toolu_2"))),
                            says("user", list(result_of("toolu_1", "a"))))),
      "messages");
  EXPECT_EQ(refused_messages(list(asked, says("assistant", list(weather_call(), weather_call())))),
            "messages.1.content.1.id");
}

TEST_F(MessagesRequest, WhatIsNoTextIsRefusedByItsPath) {
  const Json image = {{"type", "image"}, {"source", {{"type", "base64"}}}};
  EXPECT_EQ(refused_messages(list(says("user", list(text_block("Look:"), image)))),
            "messages.0.content.1.type");
  EXPECT_EQ(refused_messages(list(says("user", list(object({{"type", "document"}}))))),
            "messages.0.content.0.type");
  EXPECT_EQ(refused_messages(list(says("user", "Look"), says("assistant", list(weather_call())),
                                  says("user", list(result_of("toolu_1", list(image)))))),
            "messages.2.content.0.content.0.type");
  EXPECT_EQ(refused_messages(
                list(says("user", list(object({{"type", "redacted_thinking"}, {"data", "x"}}))))),
            "messages.0.content.0.type");
  EXPECT_EQ(refused_messages(list(says("user", list(object({{"text", "x"}}))))),
            "messages.0.content.0.type");
  EXPECT_EQ(refused_messages(list(says("user", list(object({{"type", "text"}}))))),
            "messages.0.content.0.text");
  EXPECT_EQ(refused_messages(list(says("user", list("just a string")))),
            "messages.0.content.0.type");
}

TEST_F(MessagesRequest, ShapesOfMessages) {
  EXPECT_EQ(refused_messages(Json::array()), "messages");
  EXPECT_EQ(refused_messages("hi"), "messages");
  EXPECT_EQ(refused_messages(list("hi")), "messages.0");
  EXPECT_EQ(refused_messages(list(says("system", "hi"))), "messages.0.role");
  EXPECT_EQ(refused_messages(list(says("user", 1))), "messages.0.content");
  EXPECT_EQ(refused_messages(list(says("user", ""))), "messages.0.content");
  EXPECT_EQ(refused_messages(list(says("user", Json::array()))), "messages.0.content");
  EXPECT_EQ(refused_messages(list(object({{"role", "user"}}))), "messages.0.content");
  EXPECT_EQ(refused_messages(list(says("user", "hi"), says("assistant", "Once upon"))), "messages");
  EXPECT_EQ(refused("system", 1), "system");
}

TEST_F(MessagesRequest, ToolsAndTheChoiceAmongThem) {
  Json other = weather_tool();
  other["name"] = "time";
  other["type"] = "custom";
  other["strict"] = true;
  other["cache_control"] = {{"type", "ephemeral"}};
  Json body = hello();
  body["tools"] = {weather_tool(), other};
  auto asked = conversation(body);
  ASSERT_EQ(asked.tools.size(), 2U);
  EXPECT_EQ(asked.tools[0].name, "weather");
  EXPECT_EQ(asked.tools[0].description, "Tells the weather.");
  EXPECT_EQ(asked.tools[0].parameters, R"({"type":"object","properties":{}})");
  EXPECT_EQ(asked.tool_use, engine::ToolUse::allowed);
  EXPECT_TRUE(asked.parallel_tool_calls);

  body["tool_choice"] = {{"type", "any"}, {"disable_parallel_tool_use", true}};
  asked = conversation(body);
  EXPECT_EQ(asked.tool_use, engine::ToolUse::required);
  EXPECT_FALSE(asked.parallel_tool_calls);
  body["tool_choice"] = {{"type", "tool"}, {"name", "time"}};
  asked = conversation(body);
  EXPECT_EQ(asked.tool_use, engine::ToolUse::required);
  ASSERT_EQ(asked.tools.size(), 1U);
  EXPECT_EQ(asked.tools[0].name, "time");
  body["tool_choice"] = {{"type", "none"}};
  EXPECT_EQ(conversation(body).tool_use, engine::ToolUse::none);
}

TEST_F(MessagesRequest, ToolsThatMakeNoSense) {
  const auto tool_with = [&](std::string_view member, Json value) {
    Json tool = weather_tool();
    tool[std::string(member)] = std::move(value);
    return refused("tools", list(tool));
  };
  EXPECT_EQ(tool_with("type", "web_search_20250305"), "tools.0.type");
  EXPECT_EQ(tool_with("name", "two words"), "tools.0.name");
  EXPECT_EQ(tool_with("name", std::string(129, 'x')), "tools.0.name");
  EXPECT_EQ(tool_with("input_schema", {{"type", "string"}}), "tools.0.input_schema.type");
  EXPECT_EQ(tool_with("input_schema", nullptr), "tools.0.input_schema");
  EXPECT_EQ(tool_with("defer_loading", true), "tools.0.defer_loading");
  EXPECT_EQ(refused("tools", list(weather_tool(), weather_tool())), "tools");
  EXPECT_EQ(refused("tool_choice", {{"type", "any"}}), "tool_choice");
  Json body = hello();
  body["tools"] = list(weather_tool());
  body["tool_choice"] = {{"type", "tool"}, {"name", "time"}};
  EXPECT_EQ(refused(body), "tool_choice.name");
  body["tool_choice"] = {{"type", "maybe"}};
  EXPECT_EQ(refused(body), "tool_choice.type");
}

TEST_F(MessagesRequest, ThinkingIsOffUnlessAskedFor) {
  EXPECT_FALSE(conversation(hello()).thinking);
  EXPECT_FALSE(with("thinking", {{"type", "disabled"}}).thinking);
  EXPECT_TRUE(with("thinking", {{"type", "adaptive"}}).thinking);
  EXPECT_TRUE(with("thinking", {{"type", "enabled"}, {"budget_tokens", 1024}}).thinking);
  EXPECT_EQ(refused("thinking", {{"type", "enabled"}}), "thinking.budget_tokens");
  EXPECT_EQ(refused("thinking", {{"type", "enabled"}, {"budget_tokens", 1023}}),
            "thinking.budget_tokens");
  EXPECT_EQ(refused("thinking", {{"type", "enabled"}, {"budget_tokens", 2000}}),
            "thinking.budget_tokens");
  EXPECT_EQ(refused("thinking", {{"type", "hard"}}), "thinking.type");
  Json body = hello();
  body["tools"] = list(weather_tool());
  body["tool_choice"] = {{"type", "any"}};
  body["thinking"] = {{"type", "adaptive"}};
  EXPECT_EQ(refused(body), "thinking");
}

TEST_F(MessagesRequest, AnAnswersFormCanBeGiven) {
  const Json schema = {{"type", "object"}};
  EXPECT_THAT(conversation(hello()).answer_schema, IsEmpty());
  EXPECT_EQ(with("output_config", {{"format", {{"type", "json_schema"}, {"schema", schema}}}})
                .answer_schema,
            R"({"type":"object"})");
  EXPECT_EQ(refused("output_config", {{"format", {{"type", "json"}}}}),
            "output_config.format.type");
  EXPECT_EQ(refused("output_config", {{"effort", "high"}}), "output_config.effort");
}

TEST_F(MessagesRequest, MembersAreCheckedAndNoneIsPassedOver) {
  Json body = hello();
  body.erase("max_tokens");
  EXPECT_EQ(refused(body), "max_tokens");
  body = hello();
  body.erase("model");
  EXPECT_EQ(refused(body), "model");
  EXPECT_EQ(refused("max_tokens", 0), "max_tokens");
  EXPECT_EQ(refused("temperature", 1.1), "temperature");
  EXPECT_EQ(refused("top_p", -0.1), "top_p");
  EXPECT_EQ(refused("top_k", -1), "top_k");
  EXPECT_EQ(refused("stop_sequences", "END"), "stop_sequences");
  EXPECT_EQ(refused("stop_sequences", list("")), "stop_sequences");
  EXPECT_EQ(refused("service_tier", "gold"), "service_tier");
  EXPECT_EQ(refused("metadata", {{"trace", "x"}}), "metadata.trace");
  EXPECT_EQ(refused("stream", "yes"), "stream");
  EXPECT_EQ(refused("mcp_servers", Json::array()), "mcp_servers");
  EXPECT_EQ(refused("seed", nullptr), "seed");
  EXPECT_EQ(refused(std::string(1000, 'x'), 1), "...");
  EXPECT_EQ(refused("not a name", 1), "...");
}

}  // namespace
}  // namespace confide::api
