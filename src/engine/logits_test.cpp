#include "engine/logits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace confide::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Of an awkward size, more than one block.
std::vector<float> many_logits() {
  std::vector<float> logits;
  for (int i = 0; i < 2500; ++i) logits.push_back(std::sin(static_cast<float>(i)) * 20.0F);
  return logits;
}

TEST(LogitsTest, LogSumExpIsTheLogarithmOfTheSum) {
  double sum = 0;
  for (const float logit : many_logits()) sum += std::exp(static_cast<double>(logit));
  EXPECT_NEAR(log_sum_exp(many_logits()), std::log(sum), 1e-5);
}

TEST(LogitsTest, WhatIsForbiddenWeighsNothing) {
  std::vector<float> logits{0.0F, -std::numeric_limits<float>::infinity(), -200.0F};
  EXPECT_EQ(weigh(logits, 0.0F, 1.0F), 1.0);
  EXPECT_THAT(logits, ElementsAre(1.0F, 0.0F, 0.0F));
}

TEST(LogitsTest, LikeliestComeInOrder) {
  const std::vector<float> logits{0.5F, 3.0F, -1.0F, 2.0F};
  EXPECT_THAT(likeliest(logits, 3), ElementsAre(1, 3, 0));
  EXPECT_THAT(likeliest(logits, 9), ElementsAre(1, 3, 0, 2));
  EXPECT_THAT(likeliest(logits, 0), IsEmpty());
}

}  // namespace
}  // namespace confide::engine
