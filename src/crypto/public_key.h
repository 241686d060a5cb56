// Public keys of every kind that vouches for evidence, and the one way to check their signatures.
#pragma once

#include <memory>

#include "base/bytes.h"

namespace confide::crypto {

enum class KeyKind { p256, p384, rsa };

// Each scheme names its hash and its encoding; a key serves those of its kind only.
enum class SignatureScheme {
  p256_sha256,      // r || s, 64 bytes, big-endian
  p384_sha384,      // r || s, 96 bytes, big-endian
  p256_sha256_der,  // DER SEQUENCE { r, s }
  p384_sha384_der,
  rsa_pss_sha384,  // RFC 8017 section 8.1.2: MGF1 with SHA-384, salt of 48 bytes
};

// Immutable, ready to verify; copies share the decoded key.
class PublicKey {
 public:
  // From the DER of a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7): P-256 or P-384 by name with
  // an uncompressed point (RFC 5480), or RSA of 2,048 to 4,096 bits (RFC 8017). Fails with
  // `malformed`, or `unsupported` if it is a key of another kind or form.
  static Result<PublicKey> from_spki(ByteView der);
  // From X || Y, big-endian and without prefix: 64 bytes are a P-256 key, 96 a P-384 key. Fails
  // with `malformed` if they are no point of that curve.
  static Result<PublicKey> from_point(ByteView point);

  KeyKind kind() const noexcept;
  ByteView spki() const noexcept;
  // Fails with `bad_signature`, or `unsupported` if the scheme is not for this kind of key.
  Status verify(SignatureScheme scheme, ByteView message, ByteView signature) const;
  bool operator==(const PublicKey& other) const;

  struct Impl;
  const Impl& impl() const noexcept { return *impl_; }
  explicit PublicKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace confide::crypto
