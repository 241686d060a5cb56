#include "crypto/ed25519.h"

#include <utility>

#include "crypto/edwards.h"
#include "crypto/openssl.h"
#include "crypto/random.h"

namespace confide::crypto {

Ed25519Key::Ed25519Key(SecretBytes seed, const Ed25519Public& pub)
    : seed_(std::move(seed)), public_(pub) {}

Ed25519Key Ed25519Key::generate() { return std::move(*from_seed(random_secret(32))); }

Result<Ed25519Key> Ed25519Key::from_seed(SecretBytes seed) {
  if (seed.size() != 32) return fail(Errc::malformed, "Ed25519: a seed has 32 bytes");
  const auto pkey = raw_private_key(EVP_PKEY_ED25519, seed);
  return Ed25519Key(std::move(seed), raw_public_key(*pkey));
}

Ed25519Signature Ed25519Key::sign(ByteView message) const {
  const auto pkey = raw_private_key(EVP_PKEY_ED25519, seed_);
  const auto context = own(EVP_MD_CTX_new());
  must(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1);
  Ed25519Signature out{};
  std::size_t size = out.size();
  must(EVP_DigestSign(context.get(), out.data(), &size, message.data(), message.size()) == 1 &&
       size == out.size());
  return out;
}

// OpenSSL refuses S >= L, and compares R with the canonical encoding of the point it computes; the
// public key is what it would take too easily.
Status ed25519_verify(const Ed25519Public& key, ByteView message, const Ed25519Signature& sig) {
  if (!is_usable_ed25519_point(key)) {
    return fail(Errc::bad_signature, "Ed25519: not a usable public key");
  }
  const auto pkey =
      own(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  const auto context = own(EVP_MD_CTX_new());
  must(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1);
  if (EVP_DigestVerify(context.get(), sig.data(), sig.size(), message.data(), message.size()) !=
      1) {
    return openssl_fail(Errc::bad_signature, "Ed25519: the signature does not verify");
  }
  return {};
}

}  // namespace confide::crypto
