#include "api/printable.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace confide::api {
namespace {

unsigned at(std::string_view bytes, std::size_t i) { return static_cast<unsigned char>(bytes[i]); }

// Of the UTF-8 character that `bytes` begin with; 0 if there is none, or not the whole of it.
std::size_t character_length(std::string_view bytes) {
  const unsigned first = at(bytes, 0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (bytes.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(bytes, i) & 0xC0U) != 0x80U) return 0;
  }
  // Overlong forms, surrogates, and what is beyond the last character.
  const unsigned second = at(bytes, 1);
  const bool bad = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                   (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return bad ? 0 : length;
}

}  // namespace

std::string printable(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const std::size_t whole = character_length(bytes);
    if (whole == 0) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", at(bytes, 0));
    } else {
      out += bytes.substr(0, whole);
    }
    bytes.remove_prefix(std::max<std::size_t>(whole, 1));
  }
  return out;
}

}  // namespace confide::api
