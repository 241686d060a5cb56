// Tools, schemas and token reports with the real model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "engine/engine.h"
#include "engine/test_answer.h"
#include "engine/test_model.h"

namespace confide::engine {
namespace {

using ::testing::AnyOf;
using ::testing::MatchesRegex;

constexpr const char* kPerson =
    R"({"type":"object","properties":{"name":{"type":"string","maxLength":20},)"
    R"("age":{"type":"integer","minimum":0,"maximum":150},)"
    R"("kind":{"enum":["human","robot"]},)"
    R"("code":{"type":"string","pattern":"^[A-Z]{2}-\\d{3}$"}},)"
    R"("required":["name","age","kind","code"],"additionalProperties":false})";

void expect_person(const std::string& text) {
  const auto person = json::parse(text);
  ASSERT_TRUE(person) << text;
  EXPECT_EQ(person->size(), 4U);
  EXPECT_LE(person->at("name").get<std::string>().size(), 20U);
  EXPECT_GE(person->at("age").get<int>(), 0);
  EXPECT_LE(person->at("age").get<int>(), 150);
  EXPECT_THAT(person->at("kind").get<std::string>(), AnyOf("human", "robot"));
  EXPECT_THAT(person->at("code").get<std::string>(), MatchesRegex("[A-Z][A-Z]-[0-9][0-9][0-9]"));
}

class SpokenTest : public RealModelTest {
 protected:
  static void SetUpTestSuite() {
    if (!has_model()) return;
    engine_ =
        Engine::load(model_file(), {.slots = 2, .context_per_slot = 1024, .threads = 1, .queue = 4})
            .value();
  }
  static void TearDownTestSuite() { engine_.reset(); }

  static std::shared_ptr<Recorder> run(const ChatPrompt& prompt, Sampling sampling, int tokens) {
    auto sink = std::make_shared<Recorder>();
    const auto ticket = engine_->submit({.prompt = prompt.tokens,
                                         .format = prompt.format,
                                         .sampling = std::move(sampling),
                                         .max_tokens = tokens,
                                         .stop = {}},
                                        {sink});
    EXPECT_TRUE(ticket) << ticket.error().message;
    if (ticket) sink->wait();
    return sink;
  }
  static ChatPrompt prepare(const Conversation& conversation) {
    auto prompt = engine_->prepare(conversation);
    EXPECT_TRUE(prompt) << prompt.error().message;
    return prompt ? *std::move(prompt) : ChatPrompt{};
  }
  static std::vector<Message> ask(const std::string& question) {
    return {{.role = "user", .content = question}};
  }

  inline static std::unique_ptr<Engine> engine_;
};

TEST_F(SpokenTest, RequiredCallFollowsTheSchemaOfTheTool) {
  const ChatPrompt prompt = prepare(
      {.messages = ask("Add Bob, who is 20."),
       .tools = {{.name = "add_person", .description = "Adds a person.", .parameters = kPerson}},
       .tool_use = ToolUse::required,
       .parallel_tool_calls = false});
  for (const float temperature : {0.0F, 1.0F}) {
    const auto sink = run(prompt, {.temperature = temperature, .seed = 3}, 100);
    EXPECT_EQ(sink->wait(), Finish::stop);
    const auto reader = prompt.format->reader();
    reader->push(sink->text());
    const AnswerDelta answer = reader->finish();
    ASSERT_EQ(answer.tool_calls.size(), 1U) << sink->text();
    EXPECT_EQ(answer.content, "");
    EXPECT_EQ(answer.tool_calls[0].name, "add_person");
    expect_person(answer.tool_calls[0].arguments);
  }
}

TEST_F(SpokenTest, AnswerFollowsItsSchema) {
  const ChatPrompt prompt = prepare({.messages = ask("Who are you?"), .answer_schema = kPerson});
  for (const float temperature : {0.0F, 1.0F}) {
    const auto sink = run(prompt, {.temperature = temperature, .seed = 5}, 120);
    EXPECT_EQ(sink->wait(), Finish::stop);
    expect_person(sink->text());
  }
}

TEST_F(SpokenTest, ModelMayAnswerWithoutACall) {
  const ChatPrompt prompt = prepare(
      {.messages = ask("Hello!"),
       .tools = {{.name = "add_person", .description = "Adds a person.", .parameters = kPerson}}});
  const auto sink = run(prompt, {.temperature = 0.0F}, 12);
  const auto reader = prompt.format->reader();
  AnswerDelta answer = reader->push(sink->text());
  answer.content += reader->finish().content;
  EXPECT_EQ(answer.content, sink->text());
}

TEST_F(SpokenTest, ReportsSpellTheAnswer) {
  const ChatPrompt prompt = prepare({.messages = ask("Count to ten.")});
  const auto sink = run(prompt, {.temperature = 0.0F, .logprobs = 5}, 12);
  std::string spelt;
  for (const TokenReport& report : sink->reports()) {
    spelt += report.picked.bytes;
    ASSERT_EQ(report.likeliest.size(), 5U);
    EXPECT_EQ(report.likeliest[0].token, report.picked.token);
    EXPECT_EQ(report.likeliest[0].logprob, report.picked.logprob);
    double sum = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      sum += std::exp(static_cast<double>(report.likeliest[i].logprob));
      if (i > 0) EXPECT_LE(report.likeliest[i].logprob, report.likeliest[i - 1].logprob);
    }
    EXPECT_LE(sum, 1.0001);
  }
  EXPECT_EQ(spelt, sink->text());
  EXPECT_EQ(sink->reports().size(), 12U);
}

TEST_F(SpokenTest, FormatsOfOthersAreRefused) {
  class Other final : public AnswerFormat {
    std::unique_ptr<AnswerReader> reader() const override { return nullptr; }
  };
  const auto ticket = engine_->submit({.prompt = {1},
                                       .format = std::make_shared<Other>(),
                                       .sampling = {},
                                       .max_tokens = 1,
                                       .stop = {}},
                                      {std::make_shared<Recorder>()});
  ASSERT_FALSE(ticket);
  EXPECT_EQ(ticket.error().code, Errc::malformed);
}

}  // namespace
}  // namespace confide::engine
