#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "engine/logits.h"

namespace confide::engine {
namespace {

constexpr float kForbidden = -100.0F;

// Weights of the whole vocabulary, with sums of blocks of them, so that nobody has to add up all.
struct Weights {
  std::span<const float> values;
  std::vector<double> blocks;
  double sum = 0;
};

// In place of the logits.
Weights weigh_all(std::span<float> logits, float most, float scale) {
  Weights weights{.values = logits, .blocks = {}};
  for (std::size_t at = 0; at < logits.size(); at += kWeightBlock) {
    const std::size_t length = std::min(kWeightBlock, logits.size() - at);
    weights.blocks.push_back(weigh(logits.subspan(at, length), most, scale));
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
  const std::size_t start = block * kWeightBlock;
  const std::size_t length = std::min(kWeightBlock, weights.values.size() - start);
  return static_cast<Token>(start + draw(weights.values.subspan(start, length), run, target));
}

struct Candidate {
  float weight = 0;
  Token token = 0;
};

std::vector<Candidate> at_least(std::span<const float> weights, float least) {
  constexpr std::size_t kLanes = 16;  // as in logits.cpp
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

// The likeliest tokens that hold `share` of the sum of all weights together, but no more than
// `most`; likeliest first.
std::vector<Candidate> nucleus(const Weights& weights, double share, std::size_t most) {
  // What weighs less than this holds less than 1 - share all together, so none of it is needed.
  const double least = (1.0 - share) * weights.sum / static_cast<double>(weights.values.size());
  std::vector<Candidate> heap = at_least(weights.values, static_cast<float>(least));
  const auto below = [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight < b.weight : a.token > b.token;
  };
  std::ranges::make_heap(heap, below);
  std::vector<Candidate> kept;
  double held = 0;
  while (!heap.empty() && kept.size() < most && (kept.empty() || held < share * weights.sum)) {
    std::ranges::pop_heap(heap, below);
    kept.push_back(heap.back());
    held += static_cast<double>(heap.back().weight);
    heap.pop_back();
  }
  return kept;
}

}  // namespace

Sampler::Sampler(Sampling sampling) : sampling_(std::move(sampling)), random_(sampling_.seed) {}

Token Sampler::pick(std::span<float> logits, TokenRules* rules) {
  for (const auto& [token, bias] : sampling_.bias) {
    float& logit = logits[static_cast<std::size_t>(token)];
    logit = bias > kForbidden ? logit + bias : -std::numeric_limits<float>::infinity();
  }
  const bool penalties = sampling_.presence_penalty != 0.0F || sampling_.frequency_penalty != 0.0F;
  if (penalties) penalise(logits);
  const Token token = rules == nullptr ? choose(logits) : choose_allowed(logits, *rules);
  if (penalties) ++picked_[token];
  return token;
}

Token Sampler::choose(std::span<float> logits) {
  return sampling_.temperature > 0.0F ? pick_by_chance(logits) : argmax(logits);
}

// Mostly the first token chosen is allowed. Choosing again without those refused gives the same
// chances as choosing among those allowed.
Token Sampler::choose_allowed(std::span<float> logits, TokenRules& rules) {
  constexpr int kTries = 4;
  allowed_.assign(logits.begin(), logits.end());
  for (int i = 0; i < kTries; ++i) {
    const Token token = choose(logits);
    if (rules.allows(token)) return token;
    allowed_[static_cast<std::size_t>(token)] = -std::numeric_limits<float>::infinity();
    std::ranges::copy(allowed_, logits.begin());
  }
  rules.forbid(logits);
  return choose(logits);
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
  const bool any_number = sampling_.top_k <= 0;
  if (sampling_.top_p >= 1.0F && any_number) {
    const Weights weights = weigh_all(logits, most, scale);
    return draw(weights, chance * weights.sum);
  }
  const std::vector<Candidate> kept =
      nucleus(weigh_all(logits, most, 1.0F), static_cast<double>(sampling_.top_p),
              any_number ? logits.size() : static_cast<std::size_t>(sampling_.top_k));
  std::vector<float> weights;
  for (const Candidate& c : kept) weights.push_back(std::pow(c.weight, scale));
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  return kept[draw(weights, 0.0, chance * sum)].token;
}

}  // namespace confide::engine
