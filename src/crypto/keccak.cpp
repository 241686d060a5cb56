#include "crypto/keccak.h"

#include <array>
#include <bit>
#include <utility>

namespace confide::crypto {
namespace {

// FIPS 202 section 3.1.2: lane (x, y) is lanes[x + 5 * y].
using Lanes = std::array<std::uint64_t, 25>;

constexpr std::size_t kRate = 136;  // bytes absorbed per permutation: (1600 - 512) / 8

constexpr std::array<std::uint64_t, 24> kRoundConstants = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

void theta(Lanes& a) {
  std::array<std::uint64_t, 5> column{};
  for (std::size_t i = 0; i < 25; ++i) column[i % 5] ^= a[i];
  for (std::size_t i = 0; i < 25; ++i) {
    a[i] ^= column[(i + 4) % 5] ^ std::rotl(column[(i + 1) % 5], 1);
  }
}

// Sections 3.2.2 and 3.2.3 in one walk: each lane moves to (y, 2x + 3y), turned by t(t+1)/2 bits.
void rho_and_pi(Lanes& a) {
  std::size_t x = 1;
  std::size_t y = 0;
  std::uint64_t carried = a[1];
  for (unsigned t = 1; t <= 24; ++t) {
    const std::size_t next_y = (2 * x + 3 * y) % 5;
    x = y;
    y = next_y;
    carried =
        std::exchange(a[x + 5 * y], std::rotl(carried, static_cast<int>(t * (t + 1) / 2 % 64)));
  }
}

void chi(Lanes& a) {
  for (std::size_t row = 0; row < 25; row += 5) {
    const std::array<std::uint64_t, 5> r = {a[row], a[row + 1], a[row + 2], a[row + 3], a[row + 4]};
    for (std::size_t x = 0; x < 5; ++x) a[row + x] = r[x] ^ (~r[(x + 1) % 5] & r[(x + 2) % 5]);
  }
}

void permute(Lanes& a) {
  for (const std::uint64_t constant : kRoundConstants) {
    theta(a);
    rho_and_pi(a);
    chi(a);
    a[0] ^= constant;
  }
}

void mix_in(Lanes& a, std::size_t at, std::uint8_t byte) {
  a[at / 8] ^= static_cast<std::uint64_t>(byte) << (8U * (at % 8));
}

}  // namespace

ByteArray<32> keccak_sponge_256(ByteView message, std::uint8_t padding) {
  Lanes lanes{};
  std::size_t at = 0;
  for (const std::uint8_t byte : message) {
    mix_in(lanes, at, byte);
    if (++at == kRate) {
      permute(lanes);
      at = 0;
    }
  }
  mix_in(lanes, at, padding);
  mix_in(lanes, kRate - 1, 0x80);
  permute(lanes);

  ByteArray<32> out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::uint8_t>(lanes[i / 8] >> (8U * (i % 8)));
  }
  return out;
}

}  // namespace confide::crypto
