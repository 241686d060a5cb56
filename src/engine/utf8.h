// UTF-8 (RFC 3629, Unicode 15 table 3-7), one character at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace confide::engine {

struct Utf8Character {
  std::size_t length = 0;  // bytes looked at
  enum { whole, incomplete, invalid } kind = invalid;
  // What it stands for; if incomplete, the least of what it may become, as the next member is the
  // most.
  std::uint32_t value = 0;
  std::uint32_t last = 0;
};

// The first character of `text`, which is not empty.
Utf8Character first_character(std::string_view text);

}  // namespace confide::engine
