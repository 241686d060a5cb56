#include "seal/replay.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace confide::seal {
namespace {

using Claim = ReplayCache::Claim;

constexpr std::int64_t kNow = 1'750'000'000;

// One client, one service key; what differs is the nonce.
struct Driver {
  ReplayCache cache;

  explicit Driver(std::size_t capacity = 1000) : cache(capacity) {}
  Claim claim(std::string_view nonce, std::int64_t timestamp, std::int64_t now) {
    return cache.claim("client", "service", nonce, from_unix(timestamp), from_unix(now));
  }
  Claim look(std::string_view nonce, std::int64_t timestamp, std::int64_t now) {
    return cache.look("client", "service", nonce, from_unix(timestamp), from_unix(now));
  }
  // Claims n fresh nonces; returns how many of them were granted.
  int flood(int n, std::int64_t timestamp, std::int64_t now) {
    int granted = 0;
    for (int i = 0; i < n; ++i) {
      granted += claim(fmt::format("flood-{}", counter_++), timestamp, now) == Claim::fresh ? 1 : 0;
    }
    return granted;
  }

 private:
  int counter_ = 0;
};

TEST(ReplayCache, AClaimIsGrantedOnce) {
  Driver d;
  EXPECT_EQ(d.claim("aa", kNow, kNow), Claim::fresh);
  EXPECT_EQ(d.claim("aa", kNow, kNow), Claim::replayed);
  EXPECT_EQ(d.claim("ab", kNow, kNow), Claim::fresh);
}

TEST(ReplayCache, EachPartOfTheTripleCounts) {
  ReplayCache cache;
  const Time now = from_unix(kNow);
  EXPECT_EQ(cache.claim("client", "service", "aa", now, now), Claim::fresh);
  EXPECT_EQ(cache.claim("tneilc", "service", "aa", now, now), Claim::fresh);
  EXPECT_EQ(cache.claim("client", "ecivres", "aa", now, now), Claim::fresh);
  EXPECT_EQ(cache.claim("client", "service", "aa", now, now), Claim::replayed);
}

TEST(ReplayCache, NoncesIgnoreCaseAndTimestamp) {
  Driver d;
  EXPECT_EQ(d.claim("abCD", kNow, kNow), Claim::fresh);
  EXPECT_EQ(d.claim("ABcd", kNow, kNow), Claim::replayed);
  EXPECT_EQ(d.claim("abcd", kNow + 7, kNow + 3), Claim::replayed);
}

TEST(ReplayCache, LookingTakesNothing) {
  Driver d;
  EXPECT_EQ(d.look("aa", kNow, kNow), Claim::fresh);
  EXPECT_EQ(d.claim("aa", kNow, kNow), Claim::fresh);
  EXPECT_EQ(d.look("aa", kNow, kNow), Claim::replayed);
}

// While its timestamp would still be accepted a request must be remembered.
TEST(ReplayCache, RemembersUntilTheTimestampHasPassed) {
  for (const std::int64_t ahead : {-300, 0, 299, 300}) {
    SCOPED_TRACE(ahead);
    Driver d;
    const std::int64_t timestamp = kNow + ahead;
    EXPECT_EQ(d.claim("aa", timestamp, kNow), Claim::fresh);
    for (const std::int64_t later : {kNow + 1, timestamp + 299, timestamp + 300}) {
      if (later >= kNow) EXPECT_EQ(d.claim("aa", timestamp, later), Claim::replayed) << later;
    }
  }
}

TEST(ReplayCache, ForgetsWhatCanNoLongerCome) {
  Driver d(4);
  EXPECT_EQ(d.flood(4, kNow, kNow), 4);
  EXPECT_EQ(d.flood(1, kNow, kNow), 0);
  EXPECT_EQ(d.flood(5, kNow + 301, kNow + 301), 4);
}

TEST(ReplayCache, WhatIsForgottenStaysRefusedIfTheClockStepsBack) {
  Driver d;
  EXPECT_EQ(d.claim("aa", kNow, kNow), Claim::fresh);
  EXPECT_EQ(d.claim("bb", kNow + 301, kNow + 301), Claim::fresh);
  EXPECT_EQ(d.claim("aa", kNow, kNow), Claim::full);
}

// A flood narrows the window from its old end; a request that has just been made still passes.
TEST(ReplayCache, AFloodPushesOutTheOldestOnly) {
  Driver d(10);
  EXPECT_EQ(d.claim("old", kNow, kNow), Claim::fresh);
  EXPECT_EQ(d.flood(9, kNow + 40, kNow + 40), 9);
  EXPECT_EQ(d.look("late", kNow + 1, kNow + 41), Claim::fresh);
  EXPECT_EQ(d.claim("honest", kNow + 41, kNow + 41), Claim::fresh);
  EXPECT_EQ(d.claim("old", kNow, kNow + 41), Claim::full);
  EXPECT_EQ(d.claim("late", kNow, kNow + 41), Claim::full);
  EXPECT_EQ(d.claim("honest", kNow + 41, kNow + 41), Claim::replayed);
}

TEST(ReplayCache, WhatIsNearIsNeverPushedOut) {
  Driver d(10);
  EXPECT_EQ(d.claim("aa", kNow, kNow), Claim::fresh);
  EXPECT_EQ(d.flood(20, kNow + 30, kNow + 30), 9);
  EXPECT_EQ(d.claim("aa", kNow, kNow + 30), Claim::replayed);
}

TEST(ReplayCache, RequestsFromTheFutureGetHalfOfTheMemory) {
  Driver d(10);
  EXPECT_EQ(d.flood(10, kNow + 300, kNow), 5);
  EXPECT_EQ(d.flood(10, kNow + 31, kNow), 0);
  EXPECT_EQ(d.flood(10, kNow + 30, kNow), 5);
}

}  // namespace
}  // namespace confide::seal
