#include "crypto/random.h"

#include <set>

#include <gtest/gtest.h>

namespace confide::crypto {
namespace {

TEST(Random, GivesTheSizeAskedFor) {
  EXPECT_TRUE(random_bytes(0).empty());
  EXPECT_EQ(random_bytes(33).size(), 33U);
  EXPECT_EQ(random_secret(0).size(), 0U);
  EXPECT_EQ(random_secret(32).size(), 32U);
}

TEST(Random, DoesNotRepeat) {
  std::set<Bytes> seen;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(seen.insert(random_bytes(16)).second);
    EXPECT_TRUE(seen.insert(to_bytes(random_secret(16).reveal())).second);
  }
}

TEST(Random, FillsTheWholeSpan) {
  // A byte that stays zero in 64 draws would be one chance in 2^512.
  Bytes ever(40);
  for (int i = 0; i < 64; ++i) {
    Bytes draw(ever.size());
    random_fill(draw);
    for (std::size_t k = 0; k < ever.size(); ++k) ever[k] |= draw[k];
  }
  for (const std::uint8_t byte : ever) EXPECT_NE(byte, 0);
}

}  // namespace
}  // namespace confide::crypto
