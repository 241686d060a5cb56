// ECDSA over P-256 with SHA-256 in the raw form that TDX quotes and Intel's collateral use.
#pragma once

#include "base/bytes.h"
#include "base/secret.h"

namespace confide::crypto {

// X || Y, big-endian, no prefix.
using P256Public = ByteArray<64>;
// r || s, big-endian.
using P256Signature = ByteArray<64>;

class P256Key {
 public:
  static P256Key generate();
  // PKCS#8 DER, as to_der() wrote it.
  static Result<P256Key> from_der(const SecretBytes& der);
  SecretBytes to_der() const;

  const P256Public& public_key() const noexcept { return public_; }
  P256Signature sign(ByteView message) const;

 private:
  P256Key(SecretBytes der, const P256Public& pub);
  SecretBytes der_;
  P256Public public_{};
};

// Fails with `malformed` if the key is no point of the curve, `bad_signature` otherwise.
Status p256_verify(const P256Public& key, ByteView message, const P256Signature& signature);

}  // namespace confide::crypto
