#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace confide::engine {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr int kDraws = 10000;

Token pick_once(const Sampling& sampling, std::vector<float> logits) {
  return Sampler(sampling).pick(logits);
}

// How often each token comes out of `kDraws` picks.
std::vector<double> shares(const Sampling& sampling, const std::vector<float>& logits) {
  Sampler sampler(sampling);
  std::vector<double> out(logits.size());
  for (int i = 0; i < kDraws; ++i) {
    std::vector<float> scratch = logits;
    out[static_cast<std::size_t>(sampler.pick(scratch))] += 1.0 / kDraws;
  }
  return out;
}

// A vocabulary of an awkward size with weights log(1), log(2), log(3), log(4) and nothing else.
std::vector<float> four_tokens() {
  std::vector<float> logits(51, -60.0F);
  const std::array<std::size_t, 4> at{0, 15, 16, 50};
  for (std::size_t i = 0; i < at.size(); ++i) logits[at[i]] = std::log(static_cast<float>(i + 1));
  return logits;
}

TEST(SamplerTest, TemperatureZeroTakesTheLikeliest) {
  for (const std::size_t best : {0U, 7U, 15U, 16U, 31U, 36U}) {
    std::vector<float> logits(37, -1.0F);
    logits[best] = 2.0F;
    EXPECT_EQ(pick_once({.temperature = 0.0F}, logits), static_cast<Token>(best));
  }
}

TEST(SamplerTest, FirstOfEquallyLikely) {
  EXPECT_EQ(pick_once({.temperature = 0.0F}, {0, 5, 5, 1}), 1);
}

TEST(SamplerTest, LogitsThatAreNoNumbersAreSurvived) {
  for (const float temperature : {0.0F, 1.0F}) {
    const Sampling sampling{.temperature = temperature};
    EXPECT_EQ(pick_once(sampling, std::vector<float>(40, kNan)), 0);
    EXPECT_EQ(pick_once(sampling, std::vector<float>(40, -INFINITY)), 0);
    EXPECT_EQ(pick_once(sampling, {kNan, 1.0F, INFINITY, kNan}), 2);
  }
}

TEST(SamplerTest, PicksInProportion) {
  const auto share = shares({.temperature = 1.0F}, four_tokens());
  EXPECT_NEAR(share[0], 0.1, 0.015);
  EXPECT_NEAR(share[15], 0.2, 0.015);
  EXPECT_NEAR(share[16], 0.3, 0.015);
  EXPECT_NEAR(share[50], 0.4, 0.015);
}

TEST(SamplerTest, TemperatureSharpens) {
  const auto share = shares({.temperature = 0.5F}, four_tokens());  // weights 1, 4, 9, 16
  EXPECT_NEAR(share[0], 1.0 / 30, 0.015);
  EXPECT_NEAR(share[50], 16.0 / 30, 0.015);
}

TEST(SamplerTest, TopPKeepsTheLikeliestThatHoldTheShare) {
  const auto share = shares({.temperature = 1.0F, .top_p = 0.6F}, four_tokens());
  EXPECT_EQ(share[0], 0.0);
  EXPECT_EQ(share[15], 0.0);
  EXPECT_NEAR(share[16], 3.0 / 7, 0.015);
  EXPECT_NEAR(share[50], 4.0 / 7, 0.015);
}

TEST(SamplerTest, TopKKeepsTheLikeliest) {
  const auto two = shares({.temperature = 1.0F, .top_k = 2}, four_tokens());
  EXPECT_EQ(two[15], 0.0);
  EXPECT_NEAR(two[16], 3.0 / 7, 0.015);
  EXPECT_NEAR(two[50], 4.0 / 7, 0.015);
  EXPECT_EQ(pick_once({.temperature = 1.0F, .top_k = 1}, four_tokens()), 50);
  const auto both = shares({.temperature = 1.0F, .top_p = 0.3F, .top_k = 2}, four_tokens());
  EXPECT_NEAR(both[50], 1.0, 1e-6) << "whichever allows less";
}

TEST(SamplerTest, TopPZeroIsGreedy) {
  EXPECT_NEAR(shares({.temperature = 2.0F, .top_p = 0.0F}, four_tokens())[50], 1.0, 1e-9);
}

TEST(SamplerTest, TemperatureCountsWithinTopP) {
  const auto share = shares({.temperature = 0.5F, .top_p = 0.6F}, four_tokens());
  EXPECT_NEAR(share[16], 9.0 / 25, 0.015);
  EXPECT_NEAR(share[50], 16.0 / 25, 0.015);
}

TEST(SamplerTest, SameSeedSamePicks) {
  for (const float top_p : {1.0F, 0.9F}) {
    Sampler one({.top_p = top_p, .seed = 7});
    Sampler same({.top_p = top_p, .seed = 7});
    Sampler other({.top_p = top_p, .seed = 8});
    int differences = 0;
    for (int i = 0; i < 200; ++i) {
      std::vector<float> a(500, 0.0F);
      std::vector<float> b = a;
      std::vector<float> c = a;
      const Token picked = one.pick(a);
      EXPECT_EQ(picked, same.pick(b));
      differences += picked == other.pick(c) ? 0 : 1;
    }
    EXPECT_GT(differences, 150);
  }
}

TEST(SamplerTest, BiasMovesTheChances) {
  Sampling sampling{.temperature = 1.0F, .bias = {{50, std::log(2.0F)}}};  // weights 1, 2, 3, 8
  EXPECT_NEAR(shares(sampling, four_tokens())[50], 8.0 / 14, 0.015);
  sampling.bias = {{0, 100.0F}};
  EXPECT_NEAR(shares(sampling, four_tokens())[0], 1.0, 1e-9);
}

TEST(SamplerTest, BiasOfMinusHundredForbids) {
  for (const float temperature : {0.0F, 1.0F, 1000.0F}) {
    std::vector<float> logits(40, -INFINITY);
    logits[3] = 500.0F;
    logits[7] = 1.0F;
    const Sampling sampling{.temperature = temperature, .bias = {{3, -100.0F}}};
    EXPECT_EQ(pick_once(sampling, logits), 7);
  }
}

TEST(SamplerTest, PresencePenaltyCountsOnce) {
  Sampler sampler({.temperature = 0.0F, .presence_penalty = 1.0F});
  const auto next = [&] {
    std::vector<float> logits{3.0F, 2.5F, 0.0F};
    return sampler.pick(logits);
  };
  EXPECT_EQ(next(), 0);
  EXPECT_EQ(next(), 1);
  EXPECT_EQ(next(), 0);  // 2.0 against 1.5, for good
  EXPECT_EQ(next(), 0);
}

TEST(SamplerTest, FrequencyPenaltyGrows) {
  Sampler sampler({.temperature = 0.0F, .frequency_penalty = 1.0F});
  const auto next = [&] {
    std::vector<float> logits{3.0F, 1.5F};
    return sampler.pick(logits);
  };
  EXPECT_EQ(next(), 0);
  EXPECT_EQ(next(), 0);
  EXPECT_EQ(next(), 1);
}

}  // namespace
}  // namespace confide::engine
