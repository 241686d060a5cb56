#include "crypto/ed25519.h"

#include <openssl/curve25519.h>

#include <utility>

#include "crypto/aws_lc.h"
#include "crypto/edwards.h"
#include "crypto/random.h"

namespace confide::crypto {

Ed25519Key::Ed25519Key(SecretBytes key, const Ed25519Public& pub)
    : key_(std::move(key)), public_(pub) {}

Ed25519Key Ed25519Key::generate() { return std::move(*from_seed(random_secret(32))); }

Result<Ed25519Key> Ed25519Key::from_seed(SecretBytes seed) {
  if (seed.size() != 32) return fail(Errc::malformed, "Ed25519: a seed has 32 bytes");
  SecretBytes key(ED25519_PRIVATE_KEY_LEN);
  Ed25519Public pub{};
  ED25519_keypair_from_seed(pub.data(), key.reveal().data(), seed.reveal().data());
  return Ed25519Key(std::move(key), pub);
}

Ed25519Signature Ed25519Key::sign(ByteView message) const {
  Ed25519Signature out{};
  must(ED25519_sign(out.data(), message.data(), message.size(), key_.reveal().data()) == 1);
  return out;
}

// AWS-LC refuses S >= L, and compares R with the canonical encoding of the point it computes; the
// public key is what it would take too easily.
Status ed25519_verify(const Ed25519Public& key, ByteView message, const Ed25519Signature& sig) {
  if (!is_usable_ed25519_point(key)) {
    return fail(Errc::bad_signature, "Ed25519: not a usable public key");
  }
  if (ED25519_verify(message.data(), message.size(), sig.data(), key.data()) != 1) {
    return aws_lc_fail(Errc::bad_signature, "Ed25519: the signature does not verify");
  }
  return {};
}

}  // namespace confide::crypto
