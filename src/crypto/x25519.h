// X25519, RFC 7748.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/secret.h"

namespace confide::crypto {

using X25519Public = ByteArray<32>;

class X25519Key {
 public:
  static X25519Key generate();
  static Result<X25519Key> from_scalar(SecretBytes scalar);
  // The Montgomery form of an Ed25519 key pair, as legacy E2EE uses it (contract 2.8).
  static Result<X25519Key> from_ed25519_seed(const SecretBytes& seed);

  const X25519Public& public_key() const noexcept { return public_; }
  // Fails with `malformed` on a peer of low order: the all-zero secret is refused.
  Result<SecretBytes> agree(const X25519Public& peer) const;

 private:
  X25519Key(std::shared_ptr<const SecretBytes> scalar, const X25519Public& pub);
  std::shared_ptr<const SecretBytes> scalar_;  // copies of a key share it
  X25519Public public_{};
};

// Whether agree() would refuse this peer whatever the own key: one of the points whose order
// divides the cofactor (RFC 7748, section 7), in any spelling without the ignored top bit.
bool has_low_order(const X25519Public& peer);

// Maps an Ed25519 public key to its Montgomery u-coordinate. Fails with `malformed`.
Result<X25519Public> x25519_from_ed25519(ByteView ed25519_public);

}  // namespace confide::crypto
