// Picks the next token. The same seed and the same logits give the same picks.
#pragma once

#include <random>
#include <span>
#include <unordered_map>

#include "engine/engine.h"

namespace confide::engine {

// One request's sampling, in this order: bias, presence and frequency penalties over the tokens
// picked so far, top_p and top_k, temperature, chance. Temperature 0 takes the likeliest token.
class Sampler {
 public:
  explicit Sampler(Sampling sampling);
  // `logits`, one for each token of the vocabulary (which holds the biased ones), are scratch.
  Token pick(std::span<float> logits);

 private:
  void penalise(std::span<float> logits) const;
  Token pick_by_chance(std::span<float> logits);

  Sampling sampling_;
  std::mt19937 random_;
  std::unordered_map<Token, int> picked_;  // kept only if there are penalties
};

}  // namespace confide::engine
