// Picks the next token. The same seed and the same logits give the same picks.
#pragma once

#include <random>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"

namespace confide::engine {

// Says which tokens may come next.
class TokenRules {
 public:
  virtual ~TokenRules() = default;
  virtual bool allows(Token token) = 0;
  // Sets the logits of all that may not come to minus infinity; costly.
  virtual void forbid(std::span<float> logits) = 0;
};

// One request's sampling, in this order: bias, presence and frequency penalties over the tokens
// picked so far, top_p and top_k, temperature, chance. Temperature 0 takes the likeliest token.
class Sampler {
 public:
  explicit Sampler(Sampling sampling);
  // `logits`, one for each token of the vocabulary (which holds the biased ones), are scratch.
  // With `rules`, a token that they allow, if there is one.
  Token pick(std::span<float> logits, TokenRules* rules = nullptr);

 private:
  void penalise(std::span<float> logits) const;
  Token choose(std::span<float> logits);
  Token choose_allowed(std::span<float> logits, TokenRules& rules);
  Token pick_by_chance(std::span<float> logits);

  Sampling sampling_;
  std::mt19937 random_;
  std::vector<float> allowed_;             // the logits, less those refused
  std::unordered_map<Token, int> picked_;  // kept only if there are penalties
};

}  // namespace confide::engine
