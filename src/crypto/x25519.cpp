#include "crypto/x25519.h"

#include <openssl/curve25519.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "crypto/aws_lc.h"
#include "crypto/edwards.h"
#include "crypto/hash.h"
#include "crypto/random.h"

namespace confide::crypto {
namespace {

// The u-coordinates of the points of order 1, 2, 4 and 8 of curve and twist. Little-endian; the
// last two spell 0 and 1 a second time, above the prime.
constexpr std::array<std::string_view, 7> kLowOrder = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"};

}  // namespace

X25519Key::X25519Key(std::shared_ptr<const SecretBytes> scalar, const X25519Public& pub)
    : scalar_(std::move(scalar)), public_(pub) {}

X25519Key X25519Key::generate() { return std::move(*from_scalar(random_secret(32))); }

Result<X25519Key> X25519Key::from_scalar(SecretBytes scalar) {
  if (scalar.size() != 32) return fail(Errc::malformed, "X25519: a scalar has 32 bytes");
  X25519Public pub{};
  X25519_public_from_private(pub.data(), scalar.reveal().data());
  return X25519Key(std::make_shared<const SecretBytes>(std::move(scalar)), pub);
}

// RFC 8032 section 5.1.5, steps 1 and 2: the secret scalar is the pruned first half of the hash.
Result<X25519Key> X25519Key::from_ed25519_seed(const SecretBytes& seed) {
  if (seed.size() != 32) return fail(Errc::malformed, "Ed25519: a seed has 32 bytes");
  ByteArray<64> hash = sha512(seed.reveal());
  SecretBytes scalar = SecretBytes::copy_of(ByteView(hash).first(32));
  wipe(hash);
  const auto bytes = scalar.reveal();
  bytes[0] &= 0xF8;
  bytes[31] &= 0x7F;
  bytes[31] |= 0x40;
  return from_scalar(std::move(scalar));
}

Result<SecretBytes> X25519Key::agree(const X25519Public& peer) const {
  SecretBytes out(32);
  // RFC 7748 section 6.1: it fails on the all-zero result of a point of low order.
  if (X25519(out.reveal().data(), scalar_->reveal().data(), peer.data()) != 1) {
    return aws_lc_fail(Errc::malformed, "X25519: the peer's point has low order");
  }
  return out;
}

bool has_low_order(const X25519Public& peer) {
  const std::string hex = to_hex(peer);
  return std::ranges::find(kLowOrder, hex) != kLowOrder.end();
}

Result<X25519Public> x25519_from_ed25519(ByteView ed25519_public) {
  ByteArray<32> encoded{};
  if (ed25519_public.size() != encoded.size()) {
    return fail(Errc::malformed, "Ed25519: a public key has 32 bytes");
  }
  std::ranges::copy(ed25519_public, encoded.begin());
  if (!is_usable_ed25519_point(encoded)) {
    return fail(Errc::malformed, "Ed25519: not a usable public key");
  }
  return montgomery_u(encoded);
}

}  // namespace confide::crypto
