// Reports on the tokens of prompts.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/test_answer.h"
#include "engine/tiny_model_for_test.h"

namespace confide::engine {
namespace {

class PromptReportsTest : public ::testing::Test {
 protected:
  // More tokens than come out of one batch.
  std::vector<Token> prompt() const {
    std::string text;
    for (int i = 0; i < 8; ++i) text += "The sea has " + std::to_string(i) + " fish. ";
    return engine_->tokenize(text, false).value();
  }
  static Job job(std::vector<Token> prompt, int max_tokens) {
    return {.prompt = std::move(prompt),
            .sampling = {.temperature = 0.0F, .bias = {{kEnd, -100.0F}}, .logprobs = 2},
            .max_tokens = max_tokens,
            .prompt_reports = true};
  }
  static void expect_reports_on(const std::vector<Token>& prompt,
                                const std::vector<TokenReport>& reports) {
    ASSERT_EQ(reports.size(), prompt.size());
    for (std::size_t i = 0; i < prompt.size(); ++i) {
      EXPECT_EQ(reports[i].picked.token, prompt[i]);
      EXPECT_EQ(reports[i].given, i == 0);
      EXPECT_EQ(reports[i].likeliest.size(), i == 0 ? 0U : 2U);
    }
  }

  static constexpr Token kEnd = 256;
  const std::unique_ptr<Engine> engine_ =
      Engine::load(tiny_generator({}),
                   {.slots = 3, .context_per_slot = 256, .threads = 1, .queue = 8})
          .value();
};

TEST_F(PromptReportsTest, EachTokenInOrderBeforeTheAnswer) {
  const std::vector<Token> asked = prompt();
  ASSERT_GT(asked.size(), 100U);
  const auto sink = run(*engine_, job(asked, 4));
  EXPECT_EQ(sink->wait(), Finish::length);
  expect_reports_on(asked, sink->prompt());
  EXPECT_EQ(sink->reports().size(), 4U);
  std::string spelt;
  for (const TokenReport& report : sink->prompt()) spelt += report.picked.bytes;
  EXPECT_EQ(spelt, engine_->detokenize(asked).value());
  const auto one = run(*engine_, job({42}, 1));
  expect_reports_on({42}, one->prompt());
}

// What was said of an answer is said again of it as a prompt.
TEST_F(PromptReportsTest, SayWhatTheModelSaidOfAnAnswer) {
  std::vector<Token> text = prompt();
  const auto answer = run(*engine_, job(text, 40));
  const std::size_t before = text.size();
  for (const TokenReport& report : answer->reports()) text.push_back(report.picked.token);
  const auto again = run(*engine_, job(text, 0));
  ASSERT_EQ(again->prompt().size(), text.size());
  ASSERT_EQ(answer->reports().size(), 40U);
  for (std::size_t i = 0; i < 40; ++i) {
    const TokenReport& report = again->prompt()[before + i];
    EXPECT_NEAR(report.picked.logprob, answer->reports()[i].picked.logprob, 0.05) << i;
    EXPECT_EQ(report.likeliest[0].token, answer->reports()[i].likeliest[0].token) << i;
  }
}

TEST_F(PromptReportsTest, NoAnswerIfNoneIsAskedFor) {
  const auto sink = run(*engine_, job(prompt(), 0));
  EXPECT_EQ(sink->wait(), Finish::length);
  EXPECT_EQ(sink->text(), "");
  EXPECT_EQ(sink->usage().completion_tokens, 0);
  expect_reports_on(prompt(), sink->prompt());
}

TEST_F(PromptReportsTest, OnlyWithReportsOnTheAnswer) {
  Job asked = job(prompt(), 4);
  asked.sampling.logprobs = -1;
  const auto ticket = engine_->submit(asked, {std::make_shared<Recorder>()});
  ASSERT_FALSE(ticket);
  EXPECT_EQ(ticket.error().code, Errc::malformed);
  asked = job(prompt(), 2);
  asked.prompt_reports = false;
  EXPECT_TRUE(run(*engine_, asked)->prompt().empty());
}

// A token that is not read again has no report.
TEST_F(PromptReportsTest, NothingIsTakenFromTheCache) {
  Job asked = job(prompt(), 2);
  asked.cache_key = "alice";
  for (int round = 0; round < 2; ++round) {
    const auto sink = run(*engine_, asked);
    EXPECT_EQ(sink->usage().cached_tokens, 0);
    expect_reports_on(asked.prompt, sink->prompt());
  }
  asked.prompt_reports = false;
  EXPECT_GT(run(*engine_, asked)->usage().cached_tokens, 100);
}

TEST_F(PromptReportsTest, EveryAnswerHasThem) {
  const std::vector<Token> asked = prompt();
  std::vector<std::shared_ptr<Recorder>> sinks;
  for (int i = 0; i < 5; ++i) sinks.push_back(std::make_shared<Recorder>());
  const auto ticket = engine_->submit(job(asked, 6), {sinks.begin(), sinks.end()});
  ASSERT_TRUE(ticket);
  for (const auto& sink : sinks) {
    EXPECT_EQ(sink->wait(), Finish::length);
    expect_reports_on(asked, sink->prompt());
    EXPECT_EQ(sink->text(), sinks[0]->text());
  }
}

TEST_F(PromptReportsTest, CancelledMidwayLeavesNothing) {
  const Running running = start(*engine_, job(prompt(), 200));
  running.ticket->cancel();
  EXPECT_EQ(running.sink->wait(), Finish::cancelled);
  const auto next = run(*engine_, job({1, 2, 3}, 1));
  expect_reports_on({1, 2, 3}, next->prompt());
}

}  // namespace
}  // namespace confide::engine
