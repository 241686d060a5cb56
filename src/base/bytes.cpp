#include "base/bytes.h"

#include <fmt/format.h>

namespace confide {
namespace {

int hex_digit(char c, HexCase letters) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (letters == HexCase::any && c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

ByteView as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view as_text(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes to_bytes(ByteView view) { return {view.begin(), view.end()}; }

void append(Bytes& to, ByteView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

void append_u16be(Bytes& to, std::size_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8U));
  to.push_back(static_cast<std::uint8_t>(value));
}

std::string to_hex(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::uint8_t b : bytes) {
    out += kDigits[b >> 4U];
    out += kDigits[b & 0x0FU];
  }
  return out;
}

Status from_hex_into(std::string_view hex, std::span<std::uint8_t> out, HexCase letters) {
  if (hex.size() != out.size() * 2) {
    return fail(Errc::malformed,
                fmt::format("expected {} hex digits, got {}", out.size() * 2, hex.size()));
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_digit(hex[2 * i], letters);
    const int low = hex_digit(hex[2 * i + 1], letters);
    if (high < 0 || low < 0) return fail(Errc::malformed, "not a hex digit");
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return {};
}

Result<Bytes> from_hex(std::string_view hex, HexCase letters) {
  if (hex.size() % 2 != 0) return fail(Errc::malformed, "odd number of hex digits");
  Bytes out(hex.size() / 2);
  TRY(from_hex_into(hex, out, letters));
  return out;
}

Result<ByteView> ByteReader::take(std::size_t n, std::string_view what) {
  if (n > rest_.size()) {
    return fail(Errc::malformed, fmt::format("{}: needs {} bytes, {} left", what, n, rest_.size()));
  }
  const ByteView out = rest_.first(n);
  rest_ = rest_.subspan(n);
  return out;
}

Result<std::uint8_t> ByteReader::u8(std::string_view what) {
  TRY_ASSIGN(const ByteView v, take(1, what));
  return v[0];
}

Result<std::uint16_t> ByteReader::u16le(std::string_view what) {
  TRY_ASSIGN(const ByteView v, take(2, what));
  return static_cast<std::uint16_t>(v[0] | (v[1] << 8U));
}

Result<std::uint16_t> ByteReader::u16be(std::string_view what) {
  TRY_ASSIGN(const ByteView v, take(2, what));
  return static_cast<std::uint16_t>((v[0] << 8U) | v[1]);
}

Result<std::uint32_t> ByteReader::u32le(std::string_view what) {
  TRY_ASSIGN(const ByteView v, take(4, what));
  return static_cast<std::uint32_t>(v[0]) | (static_cast<std::uint32_t>(v[1]) << 8U) |
         (static_cast<std::uint32_t>(v[2]) << 16U) | (static_cast<std::uint32_t>(v[3]) << 24U);
}

Status ByteReader::expect_end(std::string_view what) const {
  if (!rest_.empty()) {
    return fail(Errc::malformed, fmt::format("{}: {} trailing bytes", what, rest_.size()));
  }
  return {};
}

}  // namespace confide
