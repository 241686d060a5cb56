#include "engine/utf8.h"

#include <utility>

namespace confide::engine {
namespace {

// Allowed values of a character's second byte, by its first.
std::pair<std::uint8_t, std::uint8_t> second_byte(std::uint8_t first) {
  switch (first) {
    case 0xE0:
      return {0xA0, 0xBF};
    case 0xED:
      return {0x80, 0x9F};
    case 0xF0:
      return {0x90, 0xBF};
    case 0xF4:
      return {0x80, 0x8F};
    default:
      return {0x80, 0xBF};
  }
}

}  // namespace

Utf8Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return {1, Utf8Character::whole, first, first};
  if (first < 0xC2 || first > 0xF4) return {1, Utf8Character::invalid};
  const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  auto [low, high] = second_byte(first);
  const std::uint32_t lead = first & (0x7FU >> length);
  std::uint32_t value = lead;
  std::uint32_t last = lead;
  Utf8Character out{length, Utf8Character::whole};
  for (std::size_t i = 1; i < length; ++i) {
    if (i < text.size() && (byte(i) < low || byte(i) > high)) return {i, Utf8Character::invalid};
    const bool here = i < text.size();
    if (!here && out.kind == Utf8Character::whole) {
      out = {i, Utf8Character::incomplete};
    }
    value = value << 6U | ((here ? byte(i) : low) & 0x3FU);
    last = last << 6U | ((here ? byte(i) : high) & 0x3FU);
    low = 0x80;
    high = 0xBF;
  }
  out.value = value;
  out.last = last;
  return out;
}

}  // namespace confide::engine
