// Who waits for whose texts, and how long.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/embedder.h"
#include "engine/tiny_model_for_test.h"

namespace confide::engine {
namespace {

using Outcome = Result<std::vector<Vector>>;

std::unique_ptr<Embedder> load(int queue_seconds = 0) {
  return Embedder::load(
             tiny_encoder(LLAMA_POOLING_TYPE_MEAN),
             {.context = 64, .threads = 1, .queue = 1 << 17, .queue_seconds = queue_seconds})
      .value();
}

EmbeddingJob job(int texts, const std::string& caller) {
  return {.texts = {static_cast<std::size_t>(texts), std::vector<Token>(60, 42)}, .caller = caller};
}

struct Asked {
  std::unique_ptr<Ticket> ticket;
  std::future<Outcome> outcome;
};

Asked ask(Embedder& embedder, EmbeddingJob job) {
  const auto promise = std::make_shared<std::promise<Outcome>>();
  auto ticket = embedder.submit(std::move(job),
                                [promise](Outcome out) { promise->set_value(std::move(out)); });
  EXPECT_TRUE(ticket);
  return {.ticket = *std::move(ticket), .outcome = promise->get_future()};
}

constexpr int kMany = 1 << 16;  // texts: some seconds' work

TEST(EmbedderQueue, OneCallersManyTextsDoNotPushAnothersBack) {
  const auto embedder = load();
  Asked many = ask(*embedder, job(kMany, "many"));
  Asked one = ask(*embedder, job(3, "one"));
  EXPECT_EQ(one.outcome.get().value().size(), 3U);
  many.ticket->cancel();
  const Outcome left = many.outcome.get();
  ASSERT_FALSE(left) << "they were all computed before";
  EXPECT_EQ(left.error().code, Errc::unavailable);
}

TEST(EmbedderQueue, CancelledIsNotComputed) {
  const auto embedder = load();
  Asked first = ask(*embedder, job(kMany, ""));
  Asked second = ask(*embedder, job(1, ""));
  second.ticket.reset();
  const Outcome out = second.outcome.get();
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Errc::unavailable);
  first.ticket->cancel();
  EXPECT_FALSE(first.outcome.get());
  EXPECT_TRUE(ask(*embedder, job(1, "")).outcome.get());
}

TEST(EmbedderQueue, WhatWaitsForTooLongExpires) {
  const auto embedder = load(1);
  Asked first = ask(*embedder, job(kMany, ""));
  Asked second = ask(*embedder, job(1, ""));
  const Outcome out = second.outcome.get();
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Errc::expired);
  embedder->stop();
  const Outcome begun = first.outcome.get();
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, Errc::unavailable) << "what has begun does not expire";
}

TEST(EmbedderQueue, StopTellsWhoeverWaits) {
  const auto embedder = load();
  Asked waiting = ask(*embedder, job(kMany, ""));
  embedder->stop();
  const Outcome out = waiting.outcome.get();
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Errc::unavailable);
  const auto late = embedder->submit(job(1, ""), [](const Outcome&) {});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::unavailable);
}

}  // namespace
}  // namespace confide::engine
