// What the tokens of a vocabulary spell, in order of the spelling: tokens that begin alike stand
// together.
#pragma once

#include <string>
#include <vector>

#include "engine/llama_model.h"

namespace confide::engine {

// Immutable.
class TokenTexts {
 public:
  // Without control tokens, those that end an answer among them, and tokens that spell nothing.
  explicit TokenTexts(const LlamaModel& model);

  struct Entry {
    std::string text;
    Token token = 0;
  };
  const std::vector<Entry>& entries() const noexcept { return entries_; }

 private:
  std::vector<Entry> entries_;
};

}  // namespace confide::engine
