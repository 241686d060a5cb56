#include "engine/fair_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace confide::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr auto kAny = [](int) { return true; };

// What comes out, one after the other.
std::vector<int> all_of(FairQueue<int>& queue) {
  std::vector<int> out;
  while (const auto next = queue.take(kAny)) out.push_back(*next);
  return out;
}

TEST(FairQueue, OneCallerIsServedInOrder) {
  FairQueue<int> queue;
  for (const int i : {1, 2, 3}) queue.push("a", i);
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_THAT(all_of(queue), ElementsAre(1, 2, 3));
  EXPECT_TRUE(queue.empty());
}

TEST(FairQueue, FirstComesFirstAmongEquals) {
  FairQueue<int> queue;
  queue.push("z", 1);
  queue.push("", 2);
  queue.push("m", 3);
  EXPECT_THAT(all_of(queue), ElementsAre(1, 2, 3));
}

TEST(FairQueue, WhoeverHasTheLeastUnderWayIsNext) {
  FairQueue<int> queue;
  for (const int i : {1, 2, 3, 4}) queue.push("many", i);
  EXPECT_EQ(queue.take(kAny), 1);
  EXPECT_EQ(queue.take(kAny), 2);
  queue.push("few", 10);
  queue.push("few", 11);
  EXPECT_EQ(queue.take(kAny), 10);
  EXPECT_EQ(queue.take(kAny), 11);
  EXPECT_EQ(queue.take(kAny), 3);
}

// Where one is served at a time nobody has anything under way when the next is chosen.
TEST(FairQueue, CallersTakeTurns) {
  FairQueue<int> queue;
  for (const int i : {1, 2, 3}) queue.push("many", i);
  std::vector<int> out;
  const auto serve = [&](const std::string& caller) {
    out.push_back(queue.take(kAny).value());
    queue.ended(caller);
  };
  serve("many");
  queue.push("few", 10);
  queue.push("few", 11);
  serve("many");  // its turn is longer ago than the newcomer's coming
  serve("few");
  serve("many");
  serve("few");
  EXPECT_THAT(out, ElementsAre(1, 2, 10, 3, 11));
}

TEST(FairQueue, WhatMayNotGoIsPassedOver) {
  FairQueue<int> queue;
  for (const int i : {1, 2}) queue.push("a", i);
  queue.push("b", 3);
  EXPECT_EQ(queue.take([](int i) { return i == 3; }), 3);
  EXPECT_EQ(queue.take([](int i) { return i == 2; }), 2);
  EXPECT_EQ(queue.take([](int i) { return i == 7; }), std::nullopt);
  EXPECT_EQ(queue.size(), 1U);
}

TEST(FairQueue, DroppedIsGone) {
  FairQueue<int> queue;
  for (const int i : {1, 2, 3}) queue.push("a", i);
  queue.push("b", 4);
  EXPECT_THAT(queue.drop([](int i) { return i % 2 == 0; }), UnorderedElementsAre(2, 4));
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_THAT(all_of(queue), ElementsAre(1, 3));
}

}  // namespace
}  // namespace confide::engine
