// Bytes: owning and viewing types, hexadecimal, and the bounds-checked reader of every parser.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace confide {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
template <std::size_t N>
using ByteArray = std::array<std::uint8_t, N>;

ByteView as_bytes(std::string_view text) noexcept;
std::string_view as_text(ByteView bytes) noexcept;
Bytes to_bytes(ByteView view);
void append(Bytes& to, ByteView bytes);
// The low 16 bits.
void append_u16be(Bytes& to, std::size_t value);

// Lower case, no prefix.
std::string to_hex(ByteView bytes);

// Which letters from_hex() takes. No prefix and no whitespace either way.
enum class HexCase { lower, any };

// Fails with `malformed` on an odd length or a foreign character.
Result<Bytes> from_hex(std::string_view hex, HexCase letters = HexCase::lower);

// The same for exactly N bytes.
Status from_hex_into(std::string_view hex, std::span<std::uint8_t> out,
                     HexCase letters = HexCase::lower);
template <std::size_t N>
Result<ByteArray<N>> from_hex_array(std::string_view hex, HexCase letters = HexCase::lower) {
  ByteArray<N> out{};
  TRY(from_hex_into(hex, out, letters));
  return out;
}

// Reads fields off the front of a view; every read is checked against what is left.
// `what` names the field in the error. The view must outlive the reader and what it returns.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) noexcept : rest_(bytes) {}

  Result<std::uint8_t> u8(std::string_view what);
  Result<std::uint16_t> u16le(std::string_view what);
  Result<std::uint16_t> u16be(std::string_view what);
  Result<std::uint32_t> u32le(std::string_view what);
  Result<ByteView> take(std::size_t n, std::string_view what);
  template <std::size_t N>
  Result<ByteArray<N>> array(std::string_view what) {
    TRY_ASSIGN(const ByteView view, take(N, what));
    ByteArray<N> out{};
    std::copy(view.begin(), view.end(), out.begin());
    return out;
  }
  // Fails with `malformed` if bytes are left.
  Status expect_end(std::string_view what) const;
  std::size_t left() const noexcept { return rest_.size(); }
  ByteView rest() const noexcept { return rest_; }

 private:
  ByteView rest_;
};

}  // namespace confide
