#include "net/sse.h"

#include <utility>

namespace confide::net {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kDone = "[DONE]";

}  // namespace

std::string sse_event(std::string_view data, std::string_view name) {
  std::string out;
  out.reserve(data.size() + name.size() + 16);
  if (!name.empty()) out.append("event: ").append(name).append("\n");
  for (;;) {
    const std::size_t end = data.find_first_of("\r\n");
    out.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    data.remove_prefix(end + (data.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  return out += '\n';
}

SseParser::SseParser(std::function<void(std::string_view)> on_data, std::size_t max_event)
    : on_data_(std::move(on_data)), max_event_(max_event) {}

Status SseParser::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const std::size_t end = bytes.find_first_of("\r\n");
    const std::string_view piece = bytes.substr(0, end);
    too_long_ = too_long_ || line_.size() + data_.size() + piece.size() > max_event_;
    if (too_long_) return fail(Errc::limit, "server-sent event is too long");
    line_ += piece;
    if (end == std::string_view::npos) break;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    end_line();
  }
  return {};
}

void SseParser::end_line() {
  std::string_view line = line_;
  if (std::exchange(first_line_, false) && line.starts_with(kByteOrderMark)) {
    line.remove_prefix(kByteOrderMark.size());
  }
  if (line.empty()) {
    end_event();
  } else if (const std::string_view field = line.substr(0, line.find(':')); field == "data") {
    line.remove_prefix(field.size());
    if (line.starts_with(':')) line.remove_prefix(1);
    if (line.starts_with(' ')) line.remove_prefix(1);
    if (std::exchange(has_data_, true)) data_ += '\n';
    data_ += line;
  }
  line_.clear();
}

void SseParser::end_event() {
  if (!std::exchange(has_data_, false)) return;
  done_ = data_ == kDone;
  if (!done_) on_data_(data_);
  data_.clear();
}

bool SseParser::complete() const noexcept {
  return done_ && !has_data_ && line_.empty() && !too_long_;
}

}  // namespace confide::net
