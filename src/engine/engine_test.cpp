#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/test_answer.h"
#include "engine/test_model.h"

namespace confide::engine {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kContext = 256;

Options options(int slots, int queue) {
  return {.slots = slots, .context_per_slot = kContext, .threads = 1, .queue = queue};
}

class EngineTest : public RealModelTest {
 protected:
  static void SetUpTestSuite() {
    if (!has_model()) return;
    file_ = std::make_unique<ModelFile>(model_file());
    engine_ = Engine::load(*file_, options(8, 4)).value();
  }
  static void TearDownTestSuite() {
    engine_.reset();
    file_.reset();
  }

  static std::vector<Token> ask(const std::string& question) {
    return engine_->prepare({.messages = {{.role = "user", .content = question}}}).value().tokens;
  }
  static Job greedy(const std::string& question, int max_tokens) {
    return {.prompt = ask(question),
            .sampling = {.temperature = 0.0F},
            .max_tokens = max_tokens,
            .stop = {}};
  }

  inline static std::unique_ptr<ModelFile> file_;
  inline static std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, SaysWhatItIs) {
  EXPECT_THAT(engine_->build(), StartsWith("llama.cpp "));
  EXPECT_THAT(engine_->build(), HasSubstr("AVX2"));
  EXPECT_THAT(engine_->info().description, HasSubstr("Q4_1"));
  EXPECT_EQ(engine_->info().context_length, kContext);
  EXPECT_NEAR(static_cast<double>(engine_->info().parameters), 134.5e6, 1e6);
  EXPECT_EQ(engine_->vocabulary_size(), 49152);
}

TEST_F(EngineTest, ContextIsCappedByTheModel) {
  const auto engine =
      Engine::load(*file_, {.slots = 1, .context_per_slot = 1 << 20, .threads = 1, .queue = 0});
  ASSERT_TRUE(engine);
  EXPECT_EQ((*engine)->info().context_length, 8192);
}

TEST_F(EngineTest, RefusesOptionsThatMakeNoSense) {
  const std::vector<Options> bad = {
      {.slots = 0}, {.slots = 100000}, {.context_per_slot = 0}, {.threads = -1}, {.queue = -1}};
  for (const Options& o : bad) {
    const auto engine = Engine::load(*file_, o);
    ASSERT_FALSE(engine);
    EXPECT_EQ(engine.error().code, Errc::malformed);
  }
}

TEST_F(EngineTest, AnswersAndCountsTokens) {
  const Job job = greedy("What is 2+2?", 60);
  const auto prompt_tokens = static_cast<int>(job.prompt.size());
  const auto before = engine_->load_now();
  const auto sink = run(*engine_, job);
  EXPECT_EQ(sink->wait(), Finish::stop);
  EXPECT_THAT(sink->text(), HasSubstr("4"));
  EXPECT_EQ(sink->ends(), 1);
  EXPECT_EQ(sink->usage().prompt_tokens, prompt_tokens);
  // The token that ends the answer counts, though it shows no text.
  const auto shown = static_cast<int>(engine_->tokenize(sink->text(), false)->size());
  EXPECT_EQ(sink->usage().completion_tokens, shown + 1);
  EXPECT_THAT(sink->text(), ::testing::Not(HasSubstr("<|im_end|>")));
  const auto after = engine_->load_now();
  EXPECT_EQ(after.prompt_tokens_total - before.prompt_tokens_total,
            static_cast<std::uint64_t>(prompt_tokens));
  EXPECT_EQ(after.completion_tokens_total - before.completion_tokens_total,
            static_cast<std::uint64_t>(shown + 1));
}

TEST_F(EngineTest, GreedyIsTheSameEveryTime) {
  const Job job = greedy("Tell me about the sea.", 16);
  const std::string first = run(*engine_, job)->text();
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(run(*engine_, job)->text(), first);
}

TEST_F(EngineTest, SeedDecidesTheAnswer) {
  Job job = greedy("Tell me a story.", 16);
  job.sampling = {.temperature = 1.0F, .top_p = 0.95F, .seed = 42};
  const std::string first = run(*engine_, job)->text();
  EXPECT_EQ(run(*engine_, job)->text(), first);
  job.sampling.seed = 43;
  EXPECT_NE(run(*engine_, job)->text(), first);
}

TEST_F(EngineTest, MaxTokensCutsTheAnswer) {
  const auto sink = run(*engine_, greedy("Count to one hundred.", 5));
  EXPECT_EQ(sink->wait(), Finish::length);
  EXPECT_EQ(sink->usage().completion_tokens, 5);
}

TEST_F(EngineTest, StopStringOverTokensEndsTheAnswerBeforeIt) {
  Job job = greedy("Tell me about the sea.", 40);
  const std::string whole = run(*engine_, job)->text();
  ASSERT_GT(whole.size(), 60U);
  const std::string stop = whole.substr(27, 14);  // longer than any one token here
  job.stop = {"no such text", stop};
  const auto sink = run(*engine_, job);
  EXPECT_EQ(sink->wait(), Finish::stop);
  EXPECT_EQ(sink->text(), whole.substr(0, whole.find(stop)));
  EXPECT_EQ(sink->usage().stopped_by, 1U);
  EXPECT_LT(sink->usage().completion_tokens, 40);
}

// Sums over one sequence do not depend on who else is in the batch: with this model and these
// kernels the answers are equal to the letter.
TEST_F(EngineTest, ParallelJobsGetTheAnswersTheyGetAlone) {
  std::vector<Job> jobs;
  for (int i = 0; i < 8; ++i) {
    jobs.push_back(greedy("Tell me " + std::to_string(i + 2) + " facts about cats.", 6 + i));
  }
  std::vector<std::string> alone;
  for (const Job& job : jobs) alone.push_back(run(*engine_, job)->text());
  std::vector<Running> running;
  for (const Job& job : jobs) running.push_back(start(*engine_, job));
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    running[i].sink->wait();
    EXPECT_EQ(running[i].sink->text(), alone[i]) << i;
  }
}

TEST_F(EngineTest, SlotForgetsItsFormerRequest) {
  const Job job = greedy("What did I tell you?", 16);
  const std::string before = run(*engine_, job)->text();
  run(*engine_, greedy("My secret number is 4711. Repeat it.", 30));
  EXPECT_EQ(run(*engine_, job)->text(), before);
}

TEST_F(EngineTest, CancelFreesTheSlot) {
  const Running running = start(*engine_, greedy("Write a very long story.", 200));
  running.sink->wait_for_text();
  EXPECT_EQ(engine_->load_now().active, 1);
  running.ticket->cancel();
  EXPECT_EQ(running.sink->wait(), Finish::cancelled);
  EXPECT_EQ(engine_->load_now().active, 0);
  EXPECT_LT(running.sink->usage().completion_tokens, 200);
  EXPECT_EQ(running.sink->ends(), 1);
}

TEST_F(EngineTest, DroppingTheTicketCancels) {
  Running running = start(*engine_, greedy("Write a very long story.", 200));
  running.sink->wait_for_text();
  running.ticket.reset();
  EXPECT_EQ(running.sink->wait(), Finish::cancelled);
  EXPECT_EQ(engine_->load_now().active, 0);
}

TEST_F(EngineTest, CancelEndsAPromptHalfRead) {
  Job job = greedy("", 5);
  job.prompt.assign(kContext - 10, 42);
  const Running running = start(*engine_, job);
  running.ticket->cancel();
  EXPECT_EQ(running.sink->wait(), Finish::cancelled);
  EXPECT_EQ(running.sink->usage().completion_tokens, 0);
  EXPECT_THAT(run(*engine_, greedy("What is 2+2?", 40))->text(), HasSubstr("4"));
}

TEST_F(EngineTest, CancelLeavesTheOthersAlone) {
  const Job job = greedy("Tell me about the sea.", 16);
  const std::string alone = run(*engine_, job)->text();
  const Running other = start(*engine_, greedy("Write a very long story.", 200));
  other.sink->wait_for_text();
  const Running running = start(*engine_, job);
  running.sink->wait_for_text();
  other.ticket->cancel();
  EXPECT_EQ(running.sink->wait(), Finish::length);
  EXPECT_EQ(running.sink->text(), alone);
  EXPECT_EQ(other.sink->wait(), Finish::cancelled);
}

TEST_F(EngineTest, FullQueueRefusesAndWaitingCanBeCancelled) {
  const auto engine = Engine::load(*file_, options(1, 1)).value();
  const Job job = greedy("Write a very long story.", 200);
  const Running active = start(*engine, job);
  active.sink->wait_for_text();
  const Running waiting = start(*engine, job);
  EXPECT_EQ(engine->load_now().waiting, 1);
  const auto refused = engine->submit(job, {std::make_shared<Recorder>()});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::limit);
  waiting.ticket->cancel();
  EXPECT_EQ(waiting.sink->wait(), Finish::cancelled);
  EXPECT_EQ(waiting.sink->usage().prompt_tokens, 0);
  EXPECT_EQ(engine->load_now().active, 1);
  active.ticket->cancel();
  EXPECT_EQ(active.sink->wait(), Finish::cancelled);
}

TEST_F(EngineTest, WaitingRequestGetsTheSlotThatFallsFree) {
  const auto engine = Engine::load(*file_, options(1, 4)).value();
  std::vector<Running> running;
  for (int i = 0; i < 4; ++i) running.push_back(start(*engine, greedy("Say hello.", 4)));
  for (const Running& r : running) {
    r.sink->wait();
    EXPECT_EQ(r.sink->text(), running[0].sink->text());
  }
}

TEST_F(EngineTest, FullContextEndsTheAnswer) {
  Job job = greedy("", 100);
  job.prompt = engine_->tokenize(std::string(2 * kContext, '7'), false).value();
  job.prompt.resize(kContext - 3);
  const auto sink = run(*engine_, job);
  EXPECT_EQ(sink->wait(), Finish::length);
  EXPECT_EQ(sink->usage().prompt_tokens + sink->usage().completion_tokens, kContext + 1);
}

TEST_F(EngineTest, RefusesJobsThatCannotRun) {
  const auto expect_refused = [](const Job& job) {
    const auto ticket = engine_->submit(job, {std::make_shared<Recorder>()});
    ASSERT_FALSE(ticket);
    EXPECT_EQ(ticket.error().code, Errc::malformed);
  };
  const Job good = greedy("Hello", 5);
  Job job = good;
  job.prompt.assign(kContext, 42);
  expect_refused(job);
  job.prompt.clear();
  expect_refused(job);
  job.prompt = {49152};
  expect_refused(job);
  job.prompt = {-1};
  expect_refused(job);
  job = good;
  job.max_tokens = 0;
  expect_refused(job);
}

TEST_F(EngineTest, StopEndsEverything) {
  const auto engine = Engine::load(*file_, options(1, 2)).value();
  const Job job = greedy("Write a very long story.", 200);
  const Running active = start(*engine, job);
  active.sink->wait_for_text();
  const Running waiting = start(*engine, job);
  engine->stop();
  EXPECT_EQ(active.sink->wait(), Finish::cancelled);
  EXPECT_EQ(waiting.sink->wait(), Finish::cancelled);
  EXPECT_EQ(engine->load_now().active, 0);
  EXPECT_EQ(engine->load_now().waiting, 0);
  const auto late = engine->submit(job, {std::make_shared<Recorder>()});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::unavailable);
  engine->stop();
}

TEST_F(EngineTest, TicketMayOutliveTheEngine) {
  Running running;
  {
    const auto engine = Engine::load(*file_, options(1, 0)).value();
    running = start(*engine, greedy("Write a very long story.", 200));
  }
  EXPECT_EQ(running.sink->wait(), Finish::cancelled);
  running.ticket->cancel();
}

}  // namespace
}  // namespace confide::engine
