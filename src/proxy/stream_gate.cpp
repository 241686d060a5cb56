#include "proxy/stream_gate.h"

#include <algorithm>
#include <array>
#include <utility>

namespace confide::proxy {
namespace {

constexpr std::size_t kLongestEnd = 64;  // of the lines below, blanks included
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kEnds{{
    {"data:", "[DONE]"},
    {"event:", "message_stop"},
    {"event:", "response.completed"},
}};

bool ends_the_answer(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return std::ranges::any_of(kEnds, [line](const auto& end) {
    if (!line.starts_with(end.first)) return false;
    std::string_view value = line.substr(end.first.size());
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    return value == end.second;
  });
}

}  // namespace

std::string StreamGate::feed(std::string_view bytes) {
  std::string out;
  while (!bytes.empty() && !ended_) {
    const std::size_t newline = bytes.find('\n');
    const std::string_view piece =
        bytes.substr(0, newline == std::string_view::npos ? bytes.size() : newline + 1);
    bytes.remove_prefix(piece.size());
    held_ += piece;
    const bool whole = newline != std::string_view::npos;
    if (whole && !long_line_) {
      ended_ = ends_the_answer(std::string_view(held_).substr(0, held_.size() - 1));
    }
    if (ended_) break;
    if (whole || long_line_ || held_.size() > kLongestEnd) {
      out += std::exchange(held_, {});
      long_line_ = !whole;
    }
  }
  held_ += bytes;
  return out;
}

std::string StreamGate::release() { return std::exchange(held_, {}); }

}  // namespace confide::proxy
