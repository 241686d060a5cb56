#include "engine/stop_text.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/secret.h"

namespace confide::engine {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct Sequence {
  std::size_t length = 0;  // bytes looked at
  enum { whole, incomplete, invalid } kind = invalid;
};

// Allowed values of a character's second byte, by its first (Unicode 15, table 3-7).
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

// The first character of `text`, which is not empty.
Sequence next_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return {1, Sequence::whole};
  if (first < 0xC2 || first > 0xF4) return {1, Sequence::invalid};
  const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  auto [low, high] = second_byte(first);
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {i, Sequence::incomplete};
    if (byte(i) < low || byte(i) > high) return {i, Sequence::invalid};
    low = 0x80;
    high = 0xBF;
  }
  return {length, Sequence::whole};
}

// Length of the longest end of `text` that begins `stop` without being all of it.
std::size_t overlap(std::string_view text, std::string_view stop) {
  if (stop.empty()) return 0;
  for (std::size_t n = std::min(text.size(), stop.size() - 1); n > 0; --n) {
    if (text.ends_with(stop.substr(0, n))) return n;
  }
  return 0;
}

}  // namespace

StopText::StopText(std::vector<std::string> stops) : stops_(std::move(stops)) {}

StopText::~StopText() {
  wipe(held_);
  wipe(shown_);
}

std::string_view StopText::push(std::string_view piece) {
  if (stopped()) return {};
  held_ += piece;
  std::size_t stop_at = std::string::npos;
  for (std::size_t i = 0; i < stops_.size(); ++i) {
    const std::size_t at = stops_[i].empty() ? std::string::npos : held_.find(stops_[i]);
    if (at >= stop_at) continue;
    stop_at = at;
    stopped_by_ = i;
  }
  if (stopped()) return release(stop_at, true);
  std::size_t keep = 0;
  for (const std::string& stop : stops_) keep = std::max(keep, overlap(held_, stop));
  // A stop string begins with a whole character, so bytes before one that began are complete.
  return release(held_.size() - keep, keep > 0);
}

std::string_view StopText::finish() {
  if (stopped()) return {};
  return release(held_.size(), true);
}

// Moves the first `count` held bytes to what is shown. Unless they are `complete`, a character that
// is cut off at their end stays behind.
std::string_view StopText::release(std::size_t count, bool complete) {
  shown_.clear();
  std::size_t done = 0;
  while (done < count) {
    const Sequence s = next_sequence(std::string_view(held_).substr(done, count - done));
    if (s.kind == Sequence::incomplete && !complete) break;
    if (s.kind == Sequence::whole) {
      shown_.append(held_, done, s.length);
    } else {
      shown_ += kReplacement;
    }
    done += s.length;
  }
  held_.erase(0, done);
  released_ += done;
  return shown_;
}

}  // namespace confide::engine
