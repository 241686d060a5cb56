// Ed25519, RFC 8032. Receipts are signed with it (contract 2.4).
#pragma once

#include "base/bytes.h"
#include "base/secret.h"

namespace confide::crypto {

using Ed25519Public = ByteArray<32>;
using Ed25519Signature = ByteArray<64>;

class Ed25519Key {
 public:
  static Ed25519Key generate();
  // `seed` is 32 bytes; fails with `malformed` otherwise.
  static Result<Ed25519Key> from_seed(SecretBytes seed);

  const Ed25519Public& public_key() const noexcept { return public_; }
  Ed25519Signature sign(ByteView message) const;

 private:
  Ed25519Key(SecretBytes key, const Ed25519Public& pub);
  SecretBytes key_;  // the seed, then the public key
  Ed25519Public public_{};
};

// Fails with `bad_signature`; strict: small-order keys and non-canonical encodings are refused.
Status ed25519_verify(const Ed25519Public& key, ByteView message, const Ed25519Signature& sig);

}  // namespace confide::crypto
