#include "engine/control_tokens.h"

#include <llama.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

namespace confide::engine {
namespace {

constexpr std::size_t kShortest = 2;

// Of text that is UTF-8.
std::size_t first_character(std::string_view text) {
  const auto continues = [](char c) { return (static_cast<std::uint8_t>(c) & 0xC0U) == 0x80U; };
  return 1 + static_cast<std::size_t>(std::ranges::find_if_not(text.substr(1), continues) -
                                      (text.begin() + 1));
}

}  // namespace

ControlTokens::ControlTokens(const std::vector<ControlToken>& tokens) {
  for (const ControlToken& token : tokens) {
    if (token.text.size() < kShortest) continue;
    by_first_byte_[static_cast<std::uint8_t>(token.text.front())].push_back(token);
  }
  for (auto& same : by_first_byte_) {
    std::ranges::sort(same, std::ranges::greater{},
                      [](const ControlToken& t) { return t.text.size(); });
  }
}

ControlTokens ControlTokens::of(const llama_vocab* vocabulary) {
  std::vector<ControlToken> tokens;
  for (Token token = 0; token < llama_vocab_n_tokens(vocabulary); ++token) {
    const unsigned attributes = llama_vocab_get_attr(vocabulary, token);
    if ((attributes & (LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN)) == 0) continue;
    tokens.push_back({.text = llama_vocab_get_text(vocabulary, token),
                      .token = token,
                      .strips_left = (attributes & LLAMA_TOKEN_ATTR_LSTRIP) != 0,
                      .strips_right = (attributes & LLAMA_TOKEN_ATTR_RSTRIP) != 0});
  }
  return ControlTokens(tokens);
}

const ControlToken* ControlTokens::match(std::string_view text) const {
  for (const ControlToken& token : by_first_byte_[static_cast<std::uint8_t>(text.front())]) {
    if (text.starts_with(token.text)) return &token;
  }
  return nullptr;
}

std::size_t ControlTokens::may_begin(std::string_view text) const {
  const auto& same = by_first_byte_[static_cast<std::uint8_t>(text.front())];
  if (same.empty()) return 0;
  const std::size_t length = first_character(text);
  const std::string_view first = text.substr(0, length);
  const bool any =
      std::ranges::any_of(same, [&](const ControlToken& t) { return t.text.starts_with(first); });
  return any ? length : 0;
}

bool ControlTokens::is_prefix(std::string_view text) const {
  return std::ranges::any_of(
      by_first_byte_[static_cast<std::uint8_t>(text.front())],
      [&](const ControlToken& t) { return t.text.starts_with(text) || text.starts_with(t.text); });
}

}  // namespace confide::engine
