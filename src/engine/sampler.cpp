#include "engine/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

namespace confide::engine {
namespace {

// The loops over a whole vocabulary run once per token and request, so they are written in lanes,
// which compilers turn into vector code; a plain loop over 50,000 floats costs ten times as much.
constexpr std::size_t kLanes = 16;

float maximum(std::span<const float> values) {
  std::array<float, kLanes> lanes{};
  lanes.fill(-std::numeric_limits<float>::infinity());
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (std::size_t j = 0; j < kLanes; ++j) {
      lanes[j] = values[i + j] > lanes[j] ? values[i + j] : lanes[j];
    }
  }
  float most = *std::ranges::max_element(lanes);
  for (; i < values.size(); ++i) most = values[i] > most ? values[i] : most;
  return most;
}

// The first of the likeliest; token 0 if the model gave no number at all.
Token argmax(std::span<const float> logits) {
  const auto at = std::ranges::find(logits, maximum(logits));
  return at == logits.end() ? 0 : static_cast<Token>(at - logits.begin());
}

// e^x for x <= 0, to about 2e-7: 2^n by the exponent bits, the rest by a polynomial.
float exp_nonpositive(float x) {
  constexpr float kLog2E = 1.44269504F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  const float z = (x > -87.0F ? x : -87.0F) * kLog2E;
  const float shifted = z + kRound;
  const float f = z - (shifted - kRound);  // -0.5 to 0.5
  float p = 1.5403530e-4F;
  p = p * f + 1.3333558e-3F;
  p = p * f + 9.6181291e-3F;
  p = p * f + 5.5504109e-2F;
  p = p * f + 2.4022651e-1F;
  p = p * f + 6.9314718e-1F;
  p = p * f + 1.0F;
  const std::uint32_t exponent = std::bit_cast<std::uint32_t>(shifted) << 23U;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(p) + exponent);
}

// Turns logits into weights e^((logit - most) * scale) and returns their sum.
double weigh(std::span<float> logits, float most, float scale) {
  std::array<float, kLanes> lanes{};
  double sum = 0;
  std::size_t i = 0;
  constexpr std::size_t kBlock = 64 * kLanes;  // short enough for sums in single precision
  while (i + kLanes <= logits.size()) {
    const std::size_t end = std::min(i + kBlock, logits.size() - logits.size() % kLanes);
    lanes.fill(0.0F);
    for (; i < end; i += kLanes) {
      for (std::size_t j = 0; j < kLanes; ++j) {
        logits[i + j] = exp_nonpositive((logits[i + j] - most) * scale);
        lanes[j] += logits[i + j];
      }
    }
    for (const float lane : lanes) sum += static_cast<double>(lane);
  }
  for (; i < logits.size(); ++i) {
    logits[i] = exp_nonpositive((logits[i] - most) * scale);
    sum += static_cast<double>(logits[i]);
  }
  return sum;
}

// The index at which the running sum of `weights` passes `target`.
std::size_t draw(std::span<const float> weights, double target) {
  double run = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    run += static_cast<double>(weights[i]);
    if (run > target) return i;
  }
  return weights.size() - 1;
}

struct Candidate {
  float weight = 0;
  Token token = 0;
};

// The likeliest tokens that hold `share` of the sum of all weights together, likeliest first.
std::vector<Candidate> nucleus(std::span<const float> weights, double sum, double share) {
  // What weighs less than this holds less than 1 - share all together, so none of it is needed.
  const double least = (1.0 - share) * sum / static_cast<double>(weights.size());
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (static_cast<double>(weights[i]) >= least) {
      candidates.push_back({.weight = weights[i], .token = static_cast<Token>(i)});
    }
  }
  std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.token < b.token;
  });
  double held = 0;
  std::size_t count = 0;
  while (count < candidates.size() && (count == 0 || held < share * sum)) {
    held += static_cast<double>(candidates[count++].weight);
  }
  candidates.resize(count);
  return candidates;
}

}  // namespace

Sampler::Sampler(const Sampling& sampling) : sampling_(sampling), random_(sampling.seed) {}

Token Sampler::pick(std::span<float> logits) {
  const bool penalties = sampling_.presence_penalty != 0.0F || sampling_.frequency_penalty != 0.0F;
  if (penalties) penalise(logits);
  const Token token = sampling_.temperature > 0.0F ? pick_by_chance(logits) : argmax(logits);
  if (penalties) ++picked_[token];
  return token;
}

void Sampler::penalise(std::span<float> logits) const {
  for (const auto& [token, count] : picked_) {
    logits[static_cast<std::size_t>(token)] -=
        sampling_.presence_penalty + sampling_.frequency_penalty * static_cast<float>(count);
  }
}

Token Sampler::pick_by_chance(std::span<float> logits) {
  const float most = maximum(logits);
  const float scale = 1.0F / sampling_.temperature;
  const double chance = std::uniform_real_distribution<double>(0.0, 1.0)(random_);
  if (!std::isfinite(most) || !std::isfinite(scale)) return argmax(logits);
  if (sampling_.top_p >= 1.0F) {
    const double sum = weigh(logits, most, scale);
    return static_cast<Token>(draw(logits, chance * sum));
  }
  const double all = weigh(logits, most, 1.0F);
  const auto share = static_cast<double>(sampling_.top_p);
  const std::vector<Candidate> kept = nucleus(logits, all, share);
  std::vector<float> weights;
  for (const Candidate& c : kept) weights.push_back(std::pow(c.weight, scale));
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  return kept[draw(weights, chance * sum)].token;
}

}  // namespace confide::engine
