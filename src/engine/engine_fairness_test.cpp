// Who waits for whom, how long, and what that changes.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/test_answer.h"
#include "engine/test_model.h"

namespace confide::engine {
namespace {

constexpr int kContext = 512;

class FairnessTest : public RealModelTest {
 protected:
  static std::unique_ptr<Engine> engine(Options options) {
    options.context_per_slot = kContext;
    options.threads = 1;
    return Engine::load(model_file(), options).value();
  }
  static Job job(int prompt_tokens, int max_tokens) {
    std::vector<Token> prompt;
    for (int i = 0; i < prompt_tokens; ++i) prompt.push_back(1000 + i % 700);
    return {.prompt = prompt, .sampling = {.temperature = 0.0F}, .max_tokens = max_tokens};
  }
  // An answer that goes on until it is cancelled.
  static Job story(const Engine& engine) {
    return {
        .prompt =
            engine.prepare({.messages = {{.role = "user", .content = "Write a very long story."}}})
                .value()
                .tokens,
        .sampling = {.temperature = 0.0F},
        .max_tokens = 400};
  }
};

TEST_F(FairnessTest, LongPromptDoesNotHoldUpAnAnswer) {
  const auto e = engine({.slots = 2, .prompt_chunk = 16});
  const Running answer = start(*e, story(*e));
  answer.sink->wait_for_text();
  const int before = answer.sink->pieces();
  run(*e, job(320, 1));  // 20 chunks
  EXPECT_GE(answer.sink->pieces() - before, 15);
}

TEST_F(FairnessTest, ShortPromptDoesNotWaitForALongOne) {
  const auto e = engine({.slots = 3, .prompt_chunk = 16});
  const Running answer = start(*e, story(*e));
  answer.sink->wait_for_text();
  const Running slow = start(*e, job(480, 1));
  run(*e, job(16, 1));
  EXPECT_EQ(slow.sink->pieces(), 0);
  EXPECT_EQ(slow.sink->wait(), Finish::length);
}

TEST_F(FairnessTest, OneCallersManyRequestsDoNotPushAnothersBack) {
  const auto e = engine({.slots = 2, .queue = 32});
  const auto of = [](Job made, const char* caller) {
    made.caller = caller;
    return made;
  };
  std::vector<Running> many;
  for (int i = 0; i < 12; ++i) many.push_back(start(*e, of(job(24, 12), "many")));
  run(*e, of(job(8, 2), "one"));
  int over = 0;
  for (const Running& r : many) over += r.sink->ended() ? 1 : 0;
  EXPECT_LE(over, 4);
  for (const Running& r : many) r.sink->wait();
}

TEST_F(FairnessTest, WhatWaitsForTooLongExpires) {
  const auto e = engine({.slots = 1, .queue_seconds = 1});
  const Running answer = start(*e, story(*e));
  answer.sink->wait_for_text();
  const Running late = start(*e, job(8, 1));
  EXPECT_EQ(late.sink->wait(), Finish::expired);
  EXPECT_FALSE(late.sink->started());
  EXPECT_EQ(e->load_now().waiting, 0);
  EXPECT_FALSE(answer.sink->ended());
}

// Its other answers wait for the first, not for a turn.
TEST_F(FairnessTest, JobThatHasBegunDoesNotExpire) {
  const auto e = engine({.slots = 1, .queue_seconds = 1});
  Job asked = job(8, 400);
  asked.sampling.bias = {{2, -100.0F}, {0, -100.0F}};  // nothing ends it
  std::vector<std::shared_ptr<Recorder>> sinks = {std::make_shared<Recorder>(),
                                                  std::make_shared<Recorder>()};
  const auto ticket = e->submit(asked, {sinks.begin(), sinks.end()});
  ASSERT_TRUE(ticket);
  EXPECT_EQ(sinks[0]->wait(), Finish::length);
  EXPECT_EQ(sinks[1]->wait(), Finish::length);
}

TEST_F(FairnessTest, FullContextForgetsItsOlderHalfIfAsked) {
  const auto e = engine({.slots = 1, .context_shift = true});
  Job endless = job(kContext - 8, 24);
  const auto sink = run(*e, endless);
  EXPECT_EQ(sink->usage().completion_tokens, sink->wait() == Finish::length ? 24 : 0);
}

// The same bytes, whatever else runs beside it, and whatever ran there before.
TEST_F(FairnessTest, DeterministicAnswersDoNotDependOnTheOthers) {
  const auto e = engine({.slots = 4, .queue = 16, .deterministic = true});
  Job asked = story(*e);
  asked.max_tokens = 24;
  asked.sampling = {.temperature = 1.0F, .top_p = 0.95F, .seed = 11};
  const std::string alone = run(*e, asked)->text();
  for (int round = 0; round < 2; ++round) {
    std::vector<Running> others;
    for (int i = 0; i < 5; ++i) others.push_back(start(*e, job(17 + 40 * i + round, 6 + 3 * i)));
    const auto same = run(*e, asked);
    EXPECT_EQ(same->text(), alone) << round;
    for (const Running& other : others) other.sink->wait();
  }
}

}  // namespace
}  // namespace confide::engine
