// What of a model's output may be shown by now: whole UTF-8 characters, never a stop string, nor
// the beginning of one while it might still become one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace confide::engine {

class StopText {
 public:
  // Empty stop strings are ignored.
  explicit StopText(std::vector<std::string> stops);
  ~StopText();
  StopText(StopText&&) = default;
  StopText& operator=(StopText&&) = default;
  StopText(const StopText&) = delete;
  StopText& operator=(const StopText&) = delete;

  // Adds a token's bytes; returns what may be shown now, good until the next call. Bytes that are
  // no UTF-8 become U+FFFD. Once a stop string has been seen nothing more comes out.
  std::string_view push(std::string_view piece);
  // No more tokens: what was held back, unless a stop string was seen.
  std::string_view finish();
  bool stopped() const noexcept { return stopped_by_.has_value(); }
  // Which of the stop strings given has been seen: of several at one place the first.
  std::optional<std::size_t> stopped_by() const noexcept { return stopped_by_; }
  // How many of the bytes pushed have come out so far, invalid ones included.
  std::size_t released() const noexcept { return released_; }

 private:
  std::string_view release(std::size_t count, bool complete);

  std::vector<std::string> stops_;
  std::string held_;
  std::string shown_;
  std::size_t released_ = 0;
  std::optional<std::size_t> stopped_by_;
};

}  // namespace confide::engine
