#include "crypto/der.h"

#include <chrono>
#include <optional>
#include <string>

#include <fmt/format.h>

namespace confide::crypto {
namespace {

constexpr std::uint8_t kHighTagNumber = 0x1F;
constexpr std::uint8_t kConstructed = 0x20;
constexpr std::uint8_t kLongLength = 0x80;
constexpr std::size_t kMaxLengthBytes = 3;  // 16 MiB: more than anything we read
constexpr int kMaxDepth = 32;

// How many bytes of tag and length stand before how much content.
struct Header {
  std::size_t size = 0;
  std::size_t content = 0;
};

std::optional<Header> header_of(ByteView der) {
  if (der.size() < 2 || (der[0] & kHighTagNumber) == kHighTagNumber) return std::nullopt;
  if (der[1] < kLongLength) return Header{.size = 2, .content = der[1]};
  const std::size_t bytes = der[1] & 0x7FU;
  if (bytes == 0 || bytes > kMaxLengthBytes || der.size() < 2 + bytes) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < bytes; ++i) length = (length << 8U) | der[2 + i];
  const bool shortest = length >= kLongLength && der[2] != 0;
  if (!shortest) return std::nullopt;
  return Header{.size = 2 + bytes, .content = length};
}

// Decimal digits at `at`, or -1.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  int out = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return -1;
    out = 10 * out + (c - '0');
  }
  return out;
}

// YYYYMMDDHHMMSSZ.
std::optional<Time> time_of(std::string_view text) {
  using namespace std::chrono;
  if (text.size() != 15 || text.back() != 'Z') return std::nullopt;
  const int y = digits(text, 0, 4);
  const int mo = digits(text, 4, 2);
  const int d = digits(text, 6, 2);
  const int h = digits(text, 8, 2);
  const int mi = digits(text, 10, 2);
  const int s = digits(text, 12, 2);
  if (y < 0 || mo < 0 || d < 0 || h < 0 || mi < 0 || s < 0 || h > 23 || mi > 59 || s > 59) {
    return std::nullopt;
  }
  const year_month_day date{year{y}, month{static_cast<unsigned>(mo)},
                            day{static_cast<unsigned>(d)}};
  if (!date.ok()) return std::nullopt;
  return sys_days{date} + hours{h} + minutes{mi} + seconds{s};
}

Status check_level(ByteView der, std::string_view what, int depth) {
  if (depth > kMaxDepth) return fail(Errc::malformed, fmt::format("{}: nested too deep", what));
  DerReader in(der, what);
  while (!in.at_end()) {
    TRY_ASSIGN(const DerElement element, in.any());
    if ((static_cast<std::uint8_t>(element.tag) & kConstructed) != 0) {
      TRY(check_level(element.content, what, depth + 1));
    }
  }
  return {};
}

}  // namespace

tl::unexpected<Error> DerReader::bad(std::string_view why) const {
  return fail(Errc::malformed, fmt::format("{}: {}", what_, why));
}

bool DerReader::next_is(DerTag tag) const noexcept {
  return !rest_.empty() && rest_[0] == static_cast<std::uint8_t>(tag);
}

Result<DerElement> DerReader::any() {
  const auto header = header_of(rest_);
  if (!header) return bad("not DER");
  if (header->content > rest_.size() - header->size) return bad("an element overruns its place");
  const ByteView encoded = rest_.first(header->size + header->content);
  rest_ = rest_.subspan(encoded.size());
  return DerElement{.tag = static_cast<DerTag>(encoded[0]),
                    .content = encoded.subspan(header->size),
                    .encoded = encoded};
}

Result<DerElement> DerReader::element(DerTag tag) {
  if (!next_is(tag)) return bad("an element is missing or of another type");
  return any();
}

Result<DerReader> DerReader::inside(DerTag tag) {
  TRY_ASSIGN(const DerElement outer, element(tag));
  return DerReader(outer.content, what_);
}

Status DerReader::expect_end() const {
  if (!rest_.empty()) return bad("unexpected elements");
  return {};
}

Result<bool> DerReader::boolean() {
  TRY_ASSIGN(const DerElement value, element(DerTag::boolean));
  const bool one_form =
      value.content.size() == 1 && (value.content[0] == 0x00 || value.content[0] == 0xFF);
  if (!one_form) return bad("not a DER boolean");
  return value.content[0] != 0;
}

Result<ByteView> DerReader::magnitude(DerTag tag) {
  TRY_ASSIGN(const DerElement value, element(tag));
  const ByteView bytes = value.content;
  if (bytes.empty()) return bad("an integer without bytes");
  if ((bytes[0] & 0x80U) != 0) return bad("a negative integer");
  if (bytes.size() == 1 || bytes[0] != 0) return bytes;
  if ((bytes[1] & 0x80U) == 0) return bad("an integer with needless zeros");
  return bytes.subspan(1);
}

Result<std::uint64_t> DerReader::number(std::uint64_t max, DerTag tag) {
  TRY_ASSIGN(const ByteView bytes, magnitude(tag));
  if (bytes.size() > sizeof(std::uint64_t)) return bad("an integer out of range");
  std::uint64_t out = 0;
  for (const std::uint8_t byte : bytes) out = (out << 8U) | byte;
  if (out > max) return bad("an integer out of range");
  return out;
}

Result<ByteView> DerReader::octets() {
  TRY_ASSIGN(const DerElement value, element(DerTag::octet_string));
  return value.content;
}

Result<ByteView> DerReader::bits() {
  TRY_ASSIGN(const DerElement value, element(DerTag::bit_string));
  if (value.content.empty() || value.content[0] != 0) return bad("not a bit string of whole bytes");
  return value.content.subspan(1);
}

Result<ByteView> DerReader::oid() {
  TRY_ASSIGN(const DerElement value, element(DerTag::oid));
  return value.content;
}

Result<Time> DerReader::time() {
  TRY_ASSIGN(const DerElement value, any());
  std::string text(as_text(value.content));
  if (value.tag == DerTag::utc_time) {
    // RFC 5280: two digits from 50 on mean the last century.
    text.insert(0, text.starts_with('5') || text.starts_with('6') || text.starts_with('7') ||
                           text.starts_with('8') || text.starts_with('9')
                       ? "19"
                       : "20");
  } else if (value.tag != DerTag::generalized_time) {
    return bad("not a time");
  }
  const auto out = time_of(text);
  if (!out) return bad("unreadable time");
  return *out;
}

Result<DerReader> der_sequence(ByteView der, std::string_view what) {
  DerReader in(der, what);
  TRY_ASSIGN(const DerReader out, in.inside(DerTag::sequence));
  TRY(in.expect_end());
  return out;
}

Status check_der(ByteView der, std::string_view what) {
  DerReader in(der, what);
  TRY_ASSIGN(const DerElement all, in.any());
  TRY(in.expect_end());
  return check_level(all.encoded, what, 0);
}

}  // namespace confide::crypto
