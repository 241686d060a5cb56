// Private to crypto/: what PublicKey and SigningKey hold, and signatures by hash and padding.
#pragma once

#include "crypto/aws_lc.h"
#include "crypto/public_key.h"
#include "crypto/signing_key.h"

namespace confide::crypto {

struct PublicKey::Impl {
  KeyKind kind{};
  Bytes spki;
  Handle<EVP_PKEY> pkey;
};

// As PublicKey::from_spki(), of a key that AWS-LC has read already, and shared with it.
Result<PublicKey> public_key_of(X509_PUBKEY& decoded);

struct SigningKey::Impl {
  Handle<EVP_PKEY> pkey;
  PublicKey public_key;
};

// What a scheme demands of a key, and how it hashes and encodes.
struct SchemeParts {
  KeyKind kind{};
  const EVP_MD* hash = nullptr;
  std::size_t coordinate = 0;  // bytes of r and of s in raw signatures; 0: in DER, or RSA
};
SchemeParts parts_of(SignatureScheme scheme);

enum class RsaPadding { pkcs1, pss };  // pss: MGF1 with the same hash, salt as long as the hash

// A context for signing or verifying with `pkey`; `padding` counts for RSA alone.
using DigestInit = int(EVP_MD_CTX*, EVP_PKEY_CTX**, const EVP_MD*, ENGINE*, EVP_PKEY*);
Handle<EVP_MD_CTX> signature_context(DigestInit* init, const EVP_MD* hash, RsaPadding padding,
                                     EVP_PKEY* pkey);

// Checks `signature` (for EC keys in DER). Fails with `bad_signature`.
Status verify_signature(const PublicKey& key, const EVP_MD* hash, RsaPadding padding,
                        ByteView message, ByteView signature);

}  // namespace confide::crypto
