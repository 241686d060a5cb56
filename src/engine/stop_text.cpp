#include "engine/stop_text.h"

#include <algorithm>
#include <utility>

#include "base/secret.h"
#include "engine/utf8.h"

namespace confide::engine {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

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
    const Utf8Character s = first_character(std::string_view(held_).substr(done, count - done));
    if (s.kind == Utf8Character::incomplete && !complete) break;
    if (s.kind == Utf8Character::whole) {
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
