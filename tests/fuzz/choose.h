// For targets of several small readers: an input's first byte chooses one, the rest is for it.
#pragma once

#include <algorithm>
#include <string_view>

#include "base/bytes.h"

namespace confide::fuzz {

struct Choice {
  unsigned which = 0;  // below `count`
  ByteView rest;
};

// Seeds begin with a letter: '@' is 0 of up to 64 readers, 'A' 1, and so on.
inline Choice choose(ByteView input, unsigned count) {
  if (input.empty()) return {};
  return {.which = input[0] % 64U % count, .rest = input.subspan(1)};
}

// Takes the text up to a line feed, and the line feed, off the front.
inline std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

}  // namespace confide::fuzz
