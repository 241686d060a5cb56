#include "crypto/signing_key.h"

#include <utility>

#include "crypto/public_key_impl.h"

namespace confide::crypto {
namespace {

SigningKey::Impl with_public(Handle<EVP_PKEY> pkey) {
  auto key = PublicKey::from_spki(to_der(pkey.get(), i2d_PUBKEY));
  must(key.has_value());
  return {.pkey = std::move(pkey), .public_key = *std::move(key)};
}

Handle<EVP_PKEY> ec_key(int curve) {
  auto out = own(EC_KEY_new_by_curve_name(curve));
  must(EC_KEY_generate_key(out.get()) == 1);
  return pkey_of(std::move(out));
}

Handle<EVP_PKEY> rsa_key(unsigned bits) {
  const auto exponent = own(BN_new());
  auto out = own(RSA_new());
  must(BN_set_word(exponent.get(), RSA_F4) == 1);
  must(RSA_generate_key_ex(out.get(), static_cast<int>(bits), exponent.get(), nullptr) == 1);
  return pkey_of(std::move(out));
}

// r || s of a DER signature.
Bytes raw_of(ByteView der, std::size_t coordinate) {
  const auto signature = own(from_der<ECDSA_SIG>(der, d2i_ECDSA_SIG).release());
  Bytes out(2 * coordinate);
  const auto size = static_cast<int>(coordinate);
  must(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out.data(), size) == size);
  must(BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out.data() + coordinate, size) == size);
  return out;
}

}  // namespace

SigningKey SigningKey::generate(KeyKind kind, unsigned rsa_bits) {
  const auto pkey = [&] {
    switch (kind) {
      case KeyKind::p256:
        return ec_key(NID_X9_62_prime256v1);
      case KeyKind::p384:
        return ec_key(NID_secp384r1);
      case KeyKind::rsa:
        return rsa_key(rsa_bits);
    }
    std::abort();
  };
  return SigningKey(std::make_shared<const Impl>(with_public(pkey())));
}

SigningKey::SigningKey(const P256Key& key)
    : impl_(std::make_shared<const Impl>(with_public(p256_private_pkey(key)))) {}

SecretBytes SigningKey::to_der() const { return pkcs8_of(*impl_->pkey); }

const PublicKey& SigningKey::public_key() const noexcept { return impl_->public_key; }

Bytes SigningKey::sign(SignatureScheme scheme, ByteView message) const {
  const SchemeParts parts = parts_of(scheme);
  must(parts.kind == public_key().kind());
  const auto context =
      signature_context(EVP_DigestSignInit, parts.hash, RsaPadding::pss, impl_->pkey.get());
  std::size_t size = 0;
  must(EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) == 1);
  Bytes out(size);
  must(EVP_DigestSign(context.get(), out.data(), &size, message.data(), message.size()) == 1);
  out.resize(size);
  return parts.coordinate == 0 ? out : raw_of(out, parts.coordinate);
}

}  // namespace confide::crypto
