#include "crypto/p256.h"

#include <openssl/core_names.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "crypto/openssl.h"
#include "crypto/public_key.h"

namespace confide::crypto {
namespace {

constexpr std::string_view kGroup = "prime256v1";
constexpr int kCoordinate = 32;

Status coordinate(const EVP_PKEY& key, const char* name, std::uint8_t* out) {
  BIGNUM* value = nullptr;
  if (EVP_PKEY_get_bn_param(&key, name, &value) != 1) {
    return openssl_fail(Errc::unsupported, "the key has no public point");
  }
  const auto owned = own(value);
  must(BN_bn2binpad(value, out, kCoordinate) == kCoordinate);
  return {};
}

Handle<EVP_PKEY> parse_pkcs8(ByteView der) {
  const auto info = from_der<PKCS8_PRIV_KEY_INFO>(der, d2i_PKCS8_PRIV_KEY_INFO);
  if (info == nullptr) return nullptr;
  return Handle<EVP_PKEY>(EVP_PKCS82PKEY(info.get()));
}

}  // namespace

Result<P256Public> p256_public_of(const EVP_PKEY& key) {
  std::array<char, 64> group{};
  std::size_t size = 0;
  if (EVP_PKEY_is_a(&key, "EC") != 1 ||
      EVP_PKEY_get_group_name(&key, group.data(), group.size(), &size) != 1 ||
      std::string_view(group.data(), size) != kGroup) {
    return openssl_fail(Errc::unsupported, "the key is not on P-256");
  }
  P256Public out{};
  TRY(coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, out.data()));
  TRY(coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, out.data() + kCoordinate));
  return out;
}

Handle<EVP_PKEY> p256_private_pkey(const P256Key& key) {
  const SecretBytes der = key.to_der();
  return own(parse_pkcs8(der.reveal()).release());
}

P256Key::P256Key(SecretBytes der, const P256Public& pub) : der_(std::move(der)), public_(pub) {}

P256Key P256Key::generate() {
  const auto pkey = own(EVP_EC_gen(kGroup.data()));
  const auto info = own(EVP_PKEY2PKCS8(pkey.get()));
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr);
  must(size > 0);
  SecretBytes der(static_cast<std::size_t>(size));
  unsigned char* at = der.reveal().data();
  must(i2d_PKCS8_PRIV_KEY_INFO(info.get(), &at) == size);
  return std::move(*from_der(der));
}

Result<P256Key> P256Key::from_der(const SecretBytes& der) {
  const auto pkey = parse_pkcs8(der.reveal());
  if (pkey == nullptr) return openssl_fail(Errc::malformed, "not a PKCS#8 private key");
  TRY_ASSIGN(const P256Public pub, p256_public_of(*pkey));
  const auto context = own(EVP_PKEY_CTX_new(pkey.get(), nullptr));
  if (EVP_PKEY_pairwise_check(context.get()) != 1) {
    return openssl_fail(Errc::malformed, "the private key does not belong to its public key");
  }
  return P256Key(der.clone(), pub);
}

SecretBytes P256Key::to_der() const { return der_.clone(); }

P256Signature P256Key::sign(ByteView message) const {
  const auto pkey = p256_private_pkey(*this);
  const auto context = own(EVP_MD_CTX_new());
  must(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, pkey.get()) == 1);
  ByteArray<80>
      der{};  // at most 72: two integers of up to 33 bytes, each with a header, and one more
  std::size_t size = der.size();
  must(EVP_DigestSign(context.get(), der.data(), &size, message.data(), message.size()) == 1);
  const auto signature =
      own(crypto::from_der<ECDSA_SIG>(ByteView(der).first(size), d2i_ECDSA_SIG).release());
  P256Signature out{};
  must(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out.data(), kCoordinate) == kCoordinate);
  must(BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out.data() + kCoordinate, kCoordinate) ==
       kCoordinate);
  return out;
}

Status p256_verify(const P256Public& key, ByteView message, const P256Signature& signature) {
  TRY_ASSIGN(const PublicKey known, PublicKey::from_point(key));
  return known.verify(SignatureScheme::p256_sha256, message, signature);
}

}  // namespace confide::crypto
