// Private keys of every kind that PublicKey knows, for tests and simulators: they live in memory
// and are never stored. The server's own keys are of other types.
#pragma once

#include <memory>

#include "base/secret.h"
#include "crypto/p256.h"
#include "crypto/public_key.h"

namespace confide::crypto {

class SigningKey {
 public:
  // RSA keys have `rsa_bits`; making one of 4,096 takes seconds.
  static SigningKey generate(KeyKind kind, unsigned rsa_bits = 2048);
  SigningKey(const P256Key& key);  // NOLINT(google-explicit-constructor): it is one

  const PublicKey& public_key() const noexcept;
  // PKCS#8.
  SecretBytes to_der() const;
  // The scheme must be one for this kind of key.
  Bytes sign(SignatureScheme scheme, ByteView message) const;

  struct Impl;
  const Impl& impl() const noexcept { return *impl_; }

 private:
  explicit SigningKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace confide::crypto
