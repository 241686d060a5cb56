#include "engine/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
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

// Weights of the whole vocabulary, with sums of blocks of them, so that nobody has to add up all.
struct Weights {
  static constexpr std::size_t kBlock = 64 * kLanes;  // short enough to sum in single precision
  std::span<const float> values;
  std::vector<double> blocks;
  double sum = 0;
};

// Turns a block of logits into e^((logit - most) * scale) and returns their sum.
double weigh_block(std::span<float> logits, float most, float scale) {
  for (float& logit : logits) logit = exp_nonpositive((logit - most) * scale);
  std::array<float, kLanes> lanes{};
  std::size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (std::size_t j = 0; j < kLanes; ++j) lanes[j] += logits[i + j];
  }
  double sum = 0;
  for (const float lane : lanes) sum += static_cast<double>(lane);
  for (; i < logits.size(); ++i) sum += static_cast<double>(logits[i]);
  return sum;
}

// In place of the logits.
Weights weigh(std::span<float> logits, float most, float scale) {
  Weights weights{.values = logits, .blocks = {}};
  for (std::size_t at = 0; at < logits.size(); at += Weights::kBlock) {
    const std::size_t length = std::min(Weights::kBlock, logits.size() - at);
    weights.blocks.push_back(weigh_block(logits.subspan(at, length), most, scale));
    weights.sum += weights.blocks.back();
  }
  return weights;
}

// The index at which the running sum of `weights`, on top of `run`, passes `target`.
std::size_t draw(std::span<const float> weights, double run, double target) {
  for (std::size_t i = 0; i < weights.size(); ++i) {
    run += static_cast<double>(weights[i]);
    if (run > target) return i;
  }
  return weights.size() - 1;
}

Token draw(const Weights& weights, double target) {
  double run = 0;
  std::size_t block = 0;
  while (block + 1 < weights.blocks.size() && run + weights.blocks[block] <= target) {
    run += weights.blocks[block++];
  }
  const std::size_t start = block * Weights::kBlock;
  const std::size_t length = std::min(Weights::kBlock, weights.values.size() - start);
  return static_cast<Token>(start + draw(weights.values.subspan(start, length), run, target));
}

struct Candidate {
  float weight = 0;
  Token token = 0;
};

std::vector<Candidate> at_least(std::span<const float> weights, float least) {
  std::vector<Candidate> out;
  for (std::size_t start = 0; start < weights.size(); start += kLanes) {
    const auto lane = weights.subspan(start, std::min(kLanes, weights.size() - start));
    int found = 0;
    for (const float weight : lane) found += weight >= least ? 1 : 0;
    if (found == 0) continue;
    for (std::size_t j = 0; j < lane.size(); ++j) {
      if (lane[j] < least) continue;
      out.push_back({.weight = lane[j], .token = static_cast<Token>(start + j)});
    }
  }
  return out;
}

// The likeliest tokens that hold `share` of the sum of all weights together, likeliest first.
std::vector<Candidate> nucleus(const Weights& weights, double share) {
  // What weighs less than this holds less than 1 - share all together, so none of it is needed.
  const double least = (1.0 - share) * weights.sum / static_cast<double>(weights.values.size());
  std::vector<Candidate> heap = at_least(weights.values, static_cast<float>(least));
  const auto below = [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight < b.weight : a.token > b.token;
  };
  std::ranges::make_heap(heap, below);
  std::vector<Candidate> kept;
  double held = 0;
  while (!heap.empty() && (kept.empty() || held < share * weights.sum)) {
    std::ranges::pop_heap(heap, below);
    kept.push_back(heap.back());
    held += static_cast<double>(heap.back().weight);
    heap.pop_back();
  }
  return kept;
}

}  // namespace

Sampler::Sampler(Sampling sampling) : sampling_(std::move(sampling)), random_(sampling_.seed) {}

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
    const Weights weights = weigh(logits, most, scale);
    return draw(weights, chance * weights.sum);
  }
  const std::vector<Candidate> kept =
      nucleus(weigh(logits, most, 1.0F), static_cast<double>(sampling_.top_p));
  std::vector<float> weights;
  for (const Candidate& c : kept) weights.push_back(std::pow(c.weight, scale));
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  return kept[draw(weights, 0.0, chance * sum)].token;
}

}  // namespace confide::engine
