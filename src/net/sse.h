// Server-sent events: the framing of streamed answers. WHATWG HTML, section 9.2.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace confide::net {

// "data: <data>\n\n"; one `data:` line for each line of `data`. A name, which has no line break,
// goes before it as "event: <name>\n".
std::string sse_event(std::string_view data, std::string_view name = "");

// Cuts a byte stream into events; pieces may end anywhere. LF, CRLF and CR end lines. A byte order
// mark before the first line, comments, and fields other than `data` are passed over.
class SseParser {
 public:
  // `on_data` gets the data of each event but `[DONE]`, which complete() reports. It must not call
  // back into the parser.
  explicit SseParser(std::function<void(std::string_view data)> on_data,
                     std::size_t max_event = std::size_t{1} << 20U);
  // Fails with `limit` if an event is too long, and from then on.
  Status feed(std::string_view bytes);
  // True if the stream ended between events and `[DONE]` was the last of them.
  bool complete() const noexcept;

 private:
  void end_line();
  void end_event();

  std::function<void(std::string_view)> on_data_;
  std::size_t max_event_;
  std::string line_, data_;
  bool first_line_ = true, after_cr_ = false, has_data_ = false, done_ = false, too_long_ = false;
};

}  // namespace confide::net
