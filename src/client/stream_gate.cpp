#include "client/stream_gate.h"

#include <algorithm>
#include <array>
#include <utility>

namespace confide::client {
namespace {

constexpr std::size_t kLongestEnd = 64;  // of the lines below, blanks included
constexpr std::size_t kMaxHeld = std::size_t{1} << 20U;
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kEnds{{
    {"data:", "[DONE]"},
    {"event:", "message_stop"},
    {"event:", "response.completed"},
    {"event:", "response.incomplete"},
    {"event:", "response.failed"},
}};

// Clients differ in what they make of blanks, and of what follows.
bool ends_the_answer(std::string_view line) {
  return std::ranges::any_of(kEnds, [line](const auto& end) {
    if (!line.starts_with(end.first)) return false;
    std::string_view value = line.substr(end.first.size());
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    return value.starts_with(end.second);
  });
}

}  // namespace

Result<std::string> StreamGate::feed(std::string_view bytes) {
  std::string out;
  while (!bytes.empty() && !ended_) {
    const std::size_t newline = bytes.find_first_of("\r\n");
    const std::string_view piece =
        bytes.substr(0, newline == std::string_view::npos ? bytes.size() : newline + 1);
    bytes.remove_prefix(piece.size());
    held_ += piece;
    const bool whole = newline != std::string_view::npos;
    const bool decided = whole || long_line_ || held_.size() > kLongestEnd;
    ended_ = decided && !long_line_ && ends_the_answer(held_);
    if (ended_) break;
    if (decided) {
      out += std::exchange(held_, {});
      long_line_ = !whole;
    }
  }
  held_ += bytes;
  if (held_.size() > kMaxHeld) return fail(Errc::limit, "the stream goes on after its end");
  return out;
}

std::string StreamGate::release() { return std::exchange(held_, {}); }

}  // namespace confide::client
