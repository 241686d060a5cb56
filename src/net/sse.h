// Server-sent events: the framing of streamed answers. WHATWG HTML, section 9.2.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace confide::net {

// "data: <json>\n\n".
std::string sse_event(std::string_view data);

// Cuts a byte stream into events; pieces may end anywhere. LF, CRLF and CR end lines.
class SseParser {
 public:
  explicit SseParser(std::function<void(std::string_view data)> on_data,
                     std::size_t max_event = std::size_t{1} << 20U);
  // Fails with `limit` if an event is too long.
  Status feed(std::string_view bytes);
  // True if the stream ended between events and a `[DONE]` was seen.
  bool complete() const noexcept;

 private:
  std::function<void(std::string_view)> on_data_;
  std::size_t max_event_;
  std::string line_, data_;
  bool after_cr_ = false, has_data_ = false, done_ = false;
};

}  // namespace confide::net
