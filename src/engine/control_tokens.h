// The control tokens of a vocabulary, by their spelling.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"

struct llama_vocab;

namespace confide::engine {

struct ControlToken {
  std::string text;  // two bytes or more: nobody spells a shorter one to mean it
  Token token = 0;
  bool strips_left = false;   // swallows white space before it
  bool strips_right = false;  // and after it
};

class ControlTokens {
 public:
  explicit ControlTokens(const std::vector<ControlToken>& tokens);
  static ControlTokens of(const llama_vocab* vocabulary);

  // The longest that `text`, which is not empty, starts with; null if there is none.
  const ControlToken* match(std::string_view text) const;
  // Bytes of the first character of `text`, which is not empty, if a control token may begin with
  // it; 0 otherwise.
  std::size_t may_begin(std::string_view text) const;
  // Whether `text` could be, or begin, a control token.
  bool is_prefix(std::string_view text) const;

 private:
  std::array<std::vector<ControlToken>, 256> by_first_byte_;  // longest first
};

}  // namespace confide::engine
