// Tools and the choice among them.
#include <algorithm>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service_fixture_test.h"

namespace confide::api {
namespace {

using ::testing::ElementsAre;

constexpr std::string_view kTools = R"([
    {"type":"function","function":{"name":"get","description":"Gets.","strict":true,
     "parameters":{"type":"object","properties":{"x":{"type":"integer"}}}}},
    {"type":"function","function":{"name":"put"}}])";

struct OpenaiToolsTest : ServiceTest {
  std::shared_ptr<FakeExchange> ask(std::string_view members) {
    return chat(fmt::format(R"({{"model":"tiny",{}"messages":[{{"role":"user","content":"hi"}}]}})",
                            members));
  }
  std::shared_ptr<FakeExchange> choose(std::string_view choice) {
    return ask(fmt::format(R"("tools":{},"tool_choice":{},)", kTools, choice));
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& tool : engine.conversations.back().tools) out.push_back(tool.name);
    return out;
  }
};

TEST_F(OpenaiToolsTest, ToolsReachTheEngine) {
  ASSERT_EQ(ask(fmt::format(R"("tools":{},"parallel_tool_calls":false,)", kTools))->status(), 200);
  const engine::Conversation& got = engine.conversations.back();
  EXPECT_THAT(names(), ElementsAre("get", "put"));
  EXPECT_EQ(got.tools[0].description, "Gets.");
  EXPECT_EQ(got.tools[0].parameters, R"({"type":"object","properties":{"x":{"type":"integer"}}})");
  EXPECT_EQ(got.tools[1].parameters, "");
  EXPECT_EQ(got.tool_use, engine::ToolUse::allowed);
  EXPECT_FALSE(got.parallel_tool_calls);
}

TEST_F(OpenaiToolsTest, TheChoiceNarrowsWhatMayBeCalled) {
  const auto use = [this] { return engine.conversations.back().tool_use; };
  ASSERT_EQ(choose(R"("none")")->status(), 200);
  EXPECT_EQ(use(), engine::ToolUse::none);
  ASSERT_EQ(choose(R"("required")")->status(), 200);
  EXPECT_EQ(use(), engine::ToolUse::required);
  ASSERT_EQ(choose(R"({"type":"function","function":{"name":"put"}})")->status(), 200);
  EXPECT_EQ(use(), engine::ToolUse::required);
  EXPECT_THAT(names(), ElementsAre("put"));
  ASSERT_EQ(choose(R"({"type":"allowed_tools","allowed_tools":{"mode":"auto",
                       "tools":[{"type":"function","function":{"name":"get"}}]}})")
                ->status(),
            200);
  EXPECT_EQ(use(), engine::ToolUse::allowed);
  EXPECT_THAT(names(), ElementsAre("get"));
  EXPECT_EQ(ask(R"("tool_choice":"auto",)")->status(), 200);
}

TEST_F(OpenaiToolsTest, WhatIsNoToolOrNoChoiceIsNamed) {
  const auto expect = [this](std::string_view members, std::string_view param) {
    const auto refused = ask(members);
    EXPECT_EQ(refused->status(), 400) << members;
    EXPECT_EQ(parsed(*refused)["error"]["param"], param) << members;
  };
  expect(R"("tools":{},)", "tools");
  expect(R"("tools":[1],)", "tools.0.type");
  expect(R"("tools":[{"type":"custom","custom":{"name":"x"}}],)", "tools.0.type");
  expect(R"("tools":[{"type":"function"}],)", "tools.0.function");
  expect(R"("tools":[{"type":"function","function":{"name":"a b"}}],)", "tools.0.function.name");
  expect(R"("tools":[{"type":"function","function":{"name":"a","parameters":"{}"}}],)",
         "tools.0.function.parameters");
  expect(R"("tools":[{"type":"function","function":{"name":"a"}},
                     {"type":"function","function":{"name":"a"}}],)",
         "tools.1");
  const auto with = [](std::string_view choice) {
    return fmt::format(R"("tools":{},"tool_choice":{},)", kTools, choice);
  };
  expect(with(R"("sometimes")"), "tool_choice");
  expect(with(R"({"type":"function"})"), "tool_choice.function");
  expect(with(R"({"type":"function","function":{"name":"none"}})"), "tool_choice");
  expect(with(R"({"type":"allowed_tools"})"), "tool_choice.allowed_tools");
  expect(with(R"({"type":"allowed_tools","allowed_tools":{"mode":"x","tools":[1]}})"),
         "tool_choice.allowed_tools.mode");
  expect(R"("tool_choice":"required",)", "tool_choice");
  EXPECT_TRUE(engine.jobs.empty());
}

}  // namespace
}  // namespace confide::api
