// What one request may find of another's prompt, and what it must not.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/test_answer.h"
#include "engine/test_model.h"

namespace confide::engine {
namespace {

constexpr int kContext = 256;

class SharingTest : public RealModelTest {
 protected:
  void SetUp() override {
    RealModelTest::SetUp();
    if (!IsSkipped()) start_engine({});
  }

  void start_engine(Options options) {
    options.slots = 3;
    options.context_per_slot = std::min(options.context_per_slot, kContext);
    options.threads = 1;
    engine_ = Engine::load(model_file(), options).value();
  }

  // A prompt of some 80 tokens, most of it the same for every question.
  Job ask(const std::string& question, const std::string& key, int max_tokens = 3) const {
    std::string text = "These are the rules of the house.";
    for (int i = 0; i < 4; ++i) text += " Rule " + std::to_string(i) + " is to be kind to cats.";
    return {.prompt = engine_
                          ->prepare({.messages = {{.role = "system", .content = text},
                                                  {.role = "user", .content = question}}})
                          .value()
                          .tokens,
            .sampling = {.temperature = 0.0F},
            .max_tokens = max_tokens,
            .cache_key = key};
  }
  // Of the prompt, found in the cache.
  int cached(const Job& job) const { return run(*engine_, job)->usage().cached_tokens; }
  static int size(const Job& job) { return static_cast<int>(job.prompt.size()); }

  std::unique_ptr<Engine> engine_;
};

TEST_F(SharingTest, CallerFindsTheBeginningOfItsOwnPrompt) {
  EXPECT_EQ(cached(ask("May I pet them?", "alice")), 0);
  const Job again = ask("May I feed them?", "alice");
  EXPECT_GT(cached(again), 50);
  // Of a prompt known as a whole the last token is read, for the answer to go on from.
  EXPECT_EQ(cached(again), size(again) - 1);
  const Load load = engine_->load_now();
  EXPECT_GT(load.cached_tokens_total, 100U);
  EXPECT_LT(load.cached_tokens_total, load.prompt_tokens_total);
}

TEST_F(SharingTest, WhatIsFoundChangesNoAnswer) {
  const std::string fresh = run(*engine_, ask("What is rule 3?", "", 12))->text();
  run(*engine_, ask("What is rule 5?", "alice"));
  const auto found = run(*engine_, ask("What is rule 3?", "alice", 12));
  EXPECT_GT(found->usage().cached_tokens, 50);
  EXPECT_EQ(found->text(), fresh);
}

TEST_F(SharingTest, ConversationGoesOnWhereItWas) {
  std::vector<Message> talk = {{.role = "user", .content = "Tell me about the sea."}};
  Job job{.prompt = engine_->prepare({.messages = talk}).value().tokens,
          .sampling = {.temperature = 0.0F},
          .max_tokens = 12,
          .cache_key = "alice"};
  const auto first = run(*engine_, job);
  talk.push_back({.role = "assistant", .content = first->text()});
  talk.push_back({.role = "user", .content = "Go on."});
  const int before = size(job);
  job.prompt = engine_->prepare({.messages = talk}).value().tokens;
  // The answer was remembered too.
  EXPECT_GE(cached(job), before + 10);
}

TEST_F(SharingTest, NobodyFindsAnothersPrompt) {
  run(*engine_, ask("May I pet them?", "alice"));
  EXPECT_EQ(cached(ask("May I pet them?", "bob")), 0);
  EXPECT_EQ(cached(ask("May I pet them?", "alic")), 0);
  EXPECT_EQ(cached(ask("May I pet them?", "")), 0);
}

// Nor while it is being answered.
TEST_F(SharingTest, NobodyFindsWhatAnotherIsAsking) {
  const Running alice = start(*engine_, ask("May I pet them?", "alice", 200));
  alice.sink->wait_for_text();
  EXPECT_EQ(cached(ask("May I pet them?", "bob")), 0);
  EXPECT_EQ(cached(ask("May I pet them?", "")), 0);
  EXPECT_GT(cached(ask("May I pet them?", "alice")), 50);
}

TEST_F(SharingTest, WithoutAKeyNothingIsKept) {
  EXPECT_EQ(cached(ask("May I pet them?", "")), 0);
  EXPECT_EQ(cached(ask("May I pet them?", "")), 0);
}

TEST_F(SharingTest, NothingIsKeptIfNothingIsToBe) {
  start_engine({.keep_prompts = false});
  run(*engine_, ask("May I pet them?", "alice"));
  EXPECT_EQ(cached(ask("May I pet them?", "alice")), 0);
  start_engine({.deterministic = true});
  run(*engine_, ask("May I pet them?", "alice"));
  EXPECT_EQ(cached(ask("May I pet them?", "alice")), 0);
}

TEST_F(SharingTest, OldestPromptMakesRoom) {
  for (const char* caller : {"a", "b", "c", "d"}) run(*engine_, ask("May I pet them?", caller));
  EXPECT_GT(cached(ask("May I pet them?", "c")), 0);
  EXPECT_GT(cached(ask("May I pet them?", "d")), 0);
  EXPECT_GT(cached(ask("May I pet them?", "b")), 0);
  EXPECT_EQ(cached(ask("May I pet them?", "a")), 0);
}

TEST_F(SharingTest, AnswersToOneJobReadItsPromptOnce) {
  Job job = ask("May I pet them?", "", 8);
  job.sampling = {.temperature = 1.0F, .top_p = 0.5F, .seed = 7};
  std::vector<std::shared_ptr<Recorder>> sinks;
  for (int i = 0; i < 3; ++i) sinks.push_back(std::make_shared<Recorder>());
  const auto ticket = engine_->submit(job, {sinks.begin(), sinks.end()});
  ASSERT_TRUE(ticket);
  for (const auto& sink : sinks) sink->wait();
  EXPECT_EQ(sinks[0]->usage().cached_tokens, 0);
  EXPECT_EQ(sinks[1]->usage().cached_tokens, size(job) - 1);
  EXPECT_EQ(sinks[2]->usage().cached_tokens, size(job) - 1);
  EXPECT_NE(sinks[0]->text(), sinks[1]->text());
  // The seed of each is one more than that of the one before.
  job.sampling.seed = 9;
  EXPECT_EQ(run(*engine_, job)->text(), sinks[2]->text());
}

TEST_F(SharingTest, CancellingAJobCancelsAllItsAnswers) {
  std::vector<std::shared_ptr<Recorder>> sinks;
  for (int i = 0; i < 5; ++i) sinks.push_back(std::make_shared<Recorder>());
  auto ticket =
      engine_->submit(ask("Tell me a long story.", "", 200), {sinks.begin(), sinks.end()});
  ASSERT_TRUE(ticket);
  sinks[0]->wait_for_text();
  ticket->reset();
  for (const auto& sink : sinks) EXPECT_EQ(sink->wait(), Finish::cancelled);
  EXPECT_EQ(engine_->load_now().active, 0);
  EXPECT_EQ(engine_->load_now().waiting, 0);
}

// A context that forgot its beginning no longer says what comes after that beginning.
TEST_F(SharingTest, ShiftedContextIsNotShared) {
  start_engine({.context_per_slot = 112, .context_shift = true});
  const Job job = ask("Write a very long story about all of them.", "alice", 64);
  ASSERT_GT(size(job) + run(*engine_, job)->usage().completion_tokens, 112);
  EXPECT_EQ(cached(job), 0);
}

}  // namespace
}  // namespace confide::engine
