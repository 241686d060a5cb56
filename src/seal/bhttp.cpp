#include "seal/bhttp.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "base/secret.h"
#include "base/wipe_on_exit.h"
#include "seal/bhttp_rules.h"

namespace confide::seal {
namespace {

constexpr std::uint64_t kIndeterminate = 2;  // added to the framing indicator of known length

}  // namespace

// Reads off the front of what is there; nothing where it ends too early.
class BhttpDecoder::Cursor {
 public:
  explicit Cursor(ByteView bytes) : bytes_(bytes) {}

  std::optional<std::uint64_t> varint() {
    const Varint v = peek_varint(bytes_.subspan(read_));
    if (v.size == 0) return std::nullopt;
    read_ += v.size;
    return v.value;
  }
  // Bytes after their length, which is at most `max`; `code` is for a larger one.
  Result<std::optional<std::string>> text(std::uint64_t max, Errc code, std::string_view what) {
    const auto length = varint();
    if (!length) return std::nullopt;
    if (*length > max) return fail(code, fmt::format("binary HTTP (O10): {} too long", what));
    if (*length > bytes_.size() - read_) return std::nullopt;
    const ByteView view = bytes_.subspan(read_, static_cast<std::size_t>(*length));
    read_ += view.size();
    return std::string(as_text(view));
  }
  std::size_t read() const noexcept { return read_; }

 private:
  ByteView bytes_;
  std::size_t read_ = 0;
};

BhttpDecoder::BhttpDecoder(Kind kind, const BhttpLimits& limits) : kind_(kind), limits_(limits) {}

Result<std::string> BhttpDecoder::feed(ByteView piece) {
  if (state_ == State::failed) return fail(Errc::malformed, "binary HTTP: refused before");
  append(buffer_, piece);
  std::string content;
  while (true) {
    auto more = step(content);
    if (!more) {
      state_ = State::failed;
      wipe(content);
      wipe(buffer_);
      return tl::unexpected<Error>(std::move(more).error());
    }
    if (!*more) break;
  }
  if (at_ == 0) return content;
  // What erase() leaves behind its new end is freed as it is.
  const auto read = buffer_.begin() + static_cast<std::ptrdiff_t>(at_);
  const auto end = std::copy(read, buffer_.end(), buffer_.begin());
  wipe(std::span(end, buffer_.end()));
  buffer_.erase(end, buffer_.end());
  at_ = 0;
  return content;
}

// True if there may be more to do with what is there.
Result<bool> BhttpDecoder::step(std::string& content) {
  switch (state_) {
    case State::framing:
      return read_framing();
    case State::control:
      return read_control();
    case State::interim:
    case State::header:
    case State::trailers:
      return read_section();
    case State::content:
      return read_content(content);
    case State::padding:
      return read_padding();
    case State::failed:
      break;
  }
  return fail(Errc::internal, "binary HTTP: no such state");
}

Status BhttpDecoder::finish() {
  if (state_ == State::failed) return fail(Errc::malformed, "binary HTTP: refused before");
  // Rule O9: a message may end before any part that would be empty, but not within one.
  const bool between = state_ >= State::header && !begun_ && buffer_.empty();
  if (state_ != State::padding && !between) {
    state_ = State::failed;
    wipe(buffer_);
    return fail(Errc::malformed, "binary HTTP (O9): the message is cut short");
  }
  const HttpFields& fields = kind_ == Kind::request ? request_.fields : response_.fields;
  return check_content_length(fields, content_size_);
}

void BhttpDecoder::enter(State state) {
  state_ = state;
  begun_ = false;
  left_ = 0;
}

Result<bool> BhttpDecoder::read_framing() {
  Cursor cursor(unread());
  const auto indicator = cursor.varint();
  if (!indicator) return false;
  const std::uint64_t known = kind_ == Kind::request ? 0 : 1;
  if (*indicator != known && *indicator != known + kIndeterminate) {
    return fail(Errc::unsupported, "binary HTTP (O8): not a framing indicator of this kind");
  }
  known_length_ = *indicator == known;
  at_ += cursor.read();
  enter(State::control);
  return true;
}

Result<bool> BhttpDecoder::read_control() {
  Cursor cursor(unread());
  if (kind_ == Kind::request) return read_request_line(cursor);
  const auto status = cursor.varint();
  if (!status) return false;
  at_ += cursor.read();
  if (*status >= 100 && *status < 200) {
    if (response_.interim.size() >= limits_.max_interim) {
      return fail(Errc::limit, "binary HTTP (O10): too many interim responses");
    }
    response_.interim.push_back({.status = static_cast<int>(*status), .fields = {}});
    enter(State::interim);
    return true;
  }
  if (*status < 200 || *status > 599) return fail(Errc::malformed, "binary HTTP (O8): no status");
  response_.status = static_cast<int>(*status);
  enter(State::header);
  return true;
}

Result<bool> BhttpDecoder::read_request_line(Cursor& cursor) {
  std::array<std::string*, 4> parts{&request_.method, &request_.scheme, &request_.authority,
                                    &request_.path};
  for (std::string* part : parts) {
    TRY_ASSIGN(auto text, cursor.text(limits_.max_control, Errc::limit, "control data"));
    if (!text) return false;
    *part = std::move(*text);
  }
  TRY(check_control(request_));
  at_ += cursor.read();
  enter(State::header);
  return true;
}

HttpFields& BhttpDecoder::section() noexcept {
  if (state_ == State::interim) return response_.interim.back().fields;
  const bool trailers = state_ == State::trailers;
  if (kind_ == Kind::request) return trailers ? request_.trailers : request_.fields;
  return trailers ? response_.trailers : response_.fields;
}

Result<bool> BhttpDecoder::read_section() {
  if (!begun_) {
    left_ = limits_.max_section;
    if (known_length_) {
      Cursor cursor(unread());
      const auto length = cursor.varint();
      if (!length) return false;
      if (*length > limits_.max_section) {
        return fail(Errc::limit, "binary HTTP (O10): field section too long");
      }
      left_ = *length;
      at_ += cursor.read();
    }
    if (!known_length_ && unread().empty()) return false;
    begun_ = true;
  }
  bool ended = known_length_ && left_ == 0;
  if (!known_length_) {
    const Varint next = peek_varint(unread());
    if (next.size == 0) return false;
    ended = next.value == 0;
    if (ended) at_ += next.size;
  }
  if (!ended) return read_line(section());
  switch (state_) {
    case State::interim:
      enter(State::control);
      break;
    case State::header:
      enter(State::content);
      break;
    default:
      enter(State::padding);
  }
  return true;
}

Result<bool> BhttpDecoder::read_line(HttpFields& fields) {
  // Past its section is past what it announced, or past what we allow.
  const Errc code = known_length_ ? Errc::malformed : Errc::limit;
  Cursor cursor(unread());
  TRY_ASSIGN(auto name, cursor.text(left_, code, "field name"));
  if (!name) return false;
  TRY_ASSIGN(auto value, cursor.text(left_, code, "field value"));
  if (!value) return false;
  if (cursor.read() > left_) return fail(code, "binary HTTP (O10): field section too long");
  if (fields.size() >= limits_.max_fields) {
    return fail(Errc::limit, "binary HTTP (O10): too many fields");
  }
  HttpField field{.name = std::move(*name), .value = std::move(*value)};
  TRY(check_field(field));
  fields.push_back(std::move(field));
  left_ -= cursor.read();
  at_ += cursor.read();
  return true;
}

Result<bool> BhttpDecoder::read_content(std::string& content) {
  if (left_ == 0) {
    const bool last = known_length_ && begun_;
    std::uint64_t length = 0;
    if (!last) {
      Cursor cursor(unread());
      const auto announced = cursor.varint();
      if (!announced) return false;
      length = *announced;
      at_ += cursor.read();
    }
    if (length == 0) {
      enter(State::trailers);
      return true;
    }
    if (length > limits_.max_content - content_size_) {
      return fail(Errc::limit, "binary HTTP (O10): content too long");
    }
    begun_ = true;
    left_ = length;
  }
  const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, unread().size()));
  // All that this piece can bring, so that the text does not grow and leave copies behind.
  if (content.empty()) content.reserve(unread().size());
  content += as_text(unread().first(n));
  at_ += n;
  left_ -= n;
  content_size_ += n;
  return n != 0;
}

Result<bool> BhttpDecoder::read_padding() {
  if (std::ranges::any_of(unread(), [](std::uint8_t byte) { return byte != 0; })) {
    return fail(Errc::malformed, "binary HTTP (O9): padding is zero bytes");
  }
  at_ = buffer_.size();
  return false;
}

Result<InnerRequest> decode_request(ByteView message, const BhttpLimits& limits) {
  BhttpDecoder decoder(BhttpDecoder::Kind::request, limits);
  TRY_ASSIGN(std::string content, decoder.feed(message));
  const WipeOnExit wiped(content);
  TRY(decoder.finish());
  InnerRequest request = decoder.request();
  request.content = std::move(content);
  return request;
}

Result<InnerResponse> decode_response(ByteView message, const BhttpLimits& limits) {
  BhttpDecoder decoder(BhttpDecoder::Kind::response, limits);
  TRY_ASSIGN(std::string content, decoder.feed(message));
  TRY(decoder.finish());
  InnerResponse response = decoder.response();
  response.content = std::move(content);
  return response;
}

}  // namespace confide::seal
