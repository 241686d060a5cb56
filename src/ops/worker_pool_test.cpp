#include "ops/worker_pool.h"

#include <atomic>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace confide::ops {
namespace {

TEST(WorkerPoolTest, RunsWhatIsQueuedBeforeItGoes) {
  std::atomic<int> ran = 0;
  {
    WorkerPool pool(2, 1000);
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(pool.try_post([&ran] { ++ran; }));
  }
  EXPECT_EQ(ran, 1000);
}

TEST(WorkerPoolTest, RefusesWhenTheQueueIsFull) {
  std::promise<void> started;
  std::promise<void> go;
  std::atomic<int> ran = 0;
  {
    WorkerPool pool(1, 2);
    ASSERT_TRUE(pool.try_post([&started, &go] {
      started.set_value();
      go.get_future().wait();
    }));
    started.get_future().wait();  // the only thread is busy, the queue empty
    EXPECT_TRUE(pool.try_post([&ran] { ++ran; }));
    EXPECT_TRUE(pool.try_post([&ran] { ++ran; }));
    EXPECT_FALSE(pool.try_post([&ran] { ran += 100; }));
    pool.post([&ran] { ++ran; });  // admitted work goes on regardless
    go.set_value();
  }
  EXPECT_EQ(ran, 3);
}

TEST(WorkerPoolTest, ContinuationsGoBeforeNewWork) {
  std::promise<void> started;
  std::promise<void> go;
  std::string order;
  {
    WorkerPool pool(1, 8);
    ASSERT_TRUE(pool.try_post([&started, &go] {
      started.set_value();
      go.get_future().wait();
    }));
    started.get_future().wait();
    ASSERT_TRUE(pool.try_post([&order] { order += "new "; }));
    ASSERT_TRUE(pool.try_post([&order] { order += "new "; }));
    pool.post([&order] { order += "first "; });
    pool.post([&order] { order += "second "; });
    go.set_value();
  }
  EXPECT_EQ(order, "first second new new ");
}

TEST(WorkerPoolTest, RunsContinuationsPostedWhileItStops) {
  std::promise<void> started;
  std::promise<void> go;
  std::atomic<bool> continued = false;
  std::thread release;
  {
    WorkerPool pool(1, 1);
    ASSERT_TRUE(pool.try_post([&] {
      started.set_value();
      go.get_future().wait();
      pool.post([&continued] { continued = true; });
    }));
    started.get_future().wait();
    release = std::thread([&go] { go.set_value(); });
  }
  release.join();
  EXPECT_TRUE(continued);
}

TEST(WorkerPoolTest, UsesAllItsThreads) {
  std::promise<void> first;
  std::promise<void> second;
  WorkerPool pool(2, 2);
  // Each job waits for the other: one thread alone would never finish.
  ASSERT_TRUE(pool.try_post([&] {
    first.set_value();
    second.get_future().wait();
  }));
  ASSERT_TRUE(pool.try_post([&] {
    second.set_value();
    first.get_future().wait();
  }));
}

TEST(WorkerPoolTest, OutlivesAJobThatThrowsAndKeepsItsTextOutOfTheLog) {
  std::atomic<bool> served = false;
  ::testing::internal::CaptureStderr();
  {
    WorkerPool pool(1, 2);
    ASSERT_TRUE(pool.try_post([] { throw std::runtime_error("a secret prompt"); }));
    ASSERT_TRUE(pool.try_post([&served] { served = true; }));
  }
  const std::string logged = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(served);
  EXPECT_THAT(logged, ::testing::HasSubstr("threw"));
  EXPECT_THAT(logged, ::testing::Not(::testing::HasSubstr("secret")));
}

}  // namespace
}  // namespace confide::ops
