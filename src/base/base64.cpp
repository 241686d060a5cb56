#include "base/base64.h"

#include <algorithm>
#include <array>

namespace confide {
namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// From a character to its six bits.
using Values = std::array<std::uint8_t, 256>;
constexpr std::uint8_t kForeign = 0xFF;
constexpr Values values_of(std::string_view alphabet) {
  Values out{};
  out.fill(kForeign);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    out[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return out;
}
constexpr Values kStandardValues = values_of(kStandard);
constexpr Values kUrlValues = values_of(kUrl);

std::string encode(ByteView in, std::string_view alphabet, bool pad) {
  std::string out;
  out.reserve((in.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < in.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, in.size() - i);
    std::uint32_t group = static_cast<std::uint32_t>(in[i]) << 16U;
    if (n > 1) group |= static_cast<std::uint32_t>(in[i + 1]) << 8U;
    if (n > 2) group |= in[i + 2];
    for (std::size_t k = 0; k <= n; ++k) out += alphabet[(group >> (18U - 6U * k)) & 63U];
    if (pad) out.append(3 - n, '=');
  }
  return out;
}

Result<Bytes> decode(std::string_view text, const Values& values) {
  if (text.size() % 4 == 1) return fail(Errc::malformed, "base64: impossible length");
  Bytes out(text.size() * 3 / 4);
  auto at = out.begin();
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const std::uint8_t value = values[static_cast<std::uint8_t>(c)];
    if (value == kForeign) return fail(Errc::malformed, "base64: foreign character");
    bits = (bits << 6U) | value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      *at++ = static_cast<std::uint8_t>(bits >> held);
      bits &= (1U << held) - 1U;
    }
  }
  if (bits != 0) return fail(Errc::malformed, "base64: stray bits at the end");
  return out;
}

}  // namespace

std::string to_base64(ByteView bytes) { return encode(bytes, kStandard, true); }
std::string to_base64url(ByteView bytes) { return encode(bytes, kUrl, false); }

Result<Bytes> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return fail(Errc::malformed, "base64: length is not a multiple of 4");
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return decode(text, kStandardValues);
}

Result<Bytes> from_base64url(std::string_view text) { return decode(text, kUrlValues); }

}  // namespace confide
