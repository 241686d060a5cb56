// Reports on the tokens of an answer, each held until the text it completes may be shown.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "engine/llama_model.h"

namespace confide::engine {

class TokenReports {
 public:
  // Reports with so many of the likeliest tokens. `model` must outlive it.
  TokenReports(const LlamaModel& model, int likeliest);
  ~TokenReports();
  TokenReports(const TokenReports&) = delete;
  TokenReports& operator=(const TokenReports&) = delete;

  // `logits` as the model gave them. `end`: the bytes of text up to the end of this token.
  void add(Token picked, std::span<const float> logits, std::size_t end);
  // Of a token that the model had no say in.
  void add_given(Token token, std::size_t end);
  // The reports, not taken before, whose text lies within the first `shown` bytes; good until the
  // next call.
  std::span<const TokenReport> take(std::size_t shown);

 private:
  TokenChance named(Token token) const;
  TokenChance chance(Token token, std::span<const float> logits, double log_sum) const;
  void drop_taken();

  const LlamaModel& model_;
  std::size_t likeliest_;
  std::vector<TokenReport> reports_;  // the first `taken_` were given out by the last call
  std::vector<std::size_t> ends_;     // of each of them
  std::size_t taken_ = 0;
};

}  // namespace confide::engine
