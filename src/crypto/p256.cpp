#include "crypto/p256.h"

#include <algorithm>
#include <utility>

#include "crypto/aws_lc.h"
#include "crypto/public_key.h"

namespace confide::crypto {
namespace {

constexpr int kCoordinate = 32;

P256Public public_of(const EC_KEY& key) {
  ByteArray<1 + 2 * kCoordinate> point{};
  must(EC_POINT_point2oct(EC_KEY_get0_group(&key), EC_KEY_get0_public_key(&key),
                          POINT_CONVERSION_UNCOMPRESSED, point.data(), point.size(),
                          nullptr) == point.size());
  P256Public out{};
  std::ranges::copy(ByteView(point).subspan(1), out.begin());
  return out;
}

Handle<EVP_PKEY> parse_pkcs8(ByteView der) {
  const auto info = from_der<PKCS8_PRIV_KEY_INFO>(der, d2i_PKCS8_PRIV_KEY_INFO);
  if (info == nullptr) return nullptr;
  return Handle<EVP_PKEY>(EVP_PKCS82PKEY(info.get()));
}

}  // namespace

Handle<EVP_PKEY> p256_private_pkey(const P256Key& key) {
  const SecretBytes der = key.to_der();
  return own(parse_pkcs8(der.reveal()).release());
}

P256Key::P256Key(SecretBytes der, const P256Public& pub) : der_(std::move(der)), public_(pub) {}

P256Key P256Key::generate() {
  auto key = own(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  must(EC_KEY_generate_key(key.get()) == 1);
  const auto pkey = pkey_of(std::move(key));
  return std::move(*from_der(pkcs8_of(*pkey)));
}

Result<P256Key> P256Key::from_der(const SecretBytes& der) {
  const auto pkey = parse_pkcs8(der.reveal());
  if (pkey == nullptr) return aws_lc_fail(Errc::malformed, "not a PKCS#8 private key");
  const EC_KEY* const key = EVP_PKEY_get0_EC_KEY(pkey.get());
  if (key == nullptr || EC_GROUP_get_curve_name(EC_KEY_get0_group(key)) != NID_X9_62_prime256v1) {
    return aws_lc_fail(Errc::unsupported, "the key is not on P-256");
  }
  if (EC_KEY_check_key(key) != 1) {
    return aws_lc_fail(Errc::malformed, "the private key does not belong to its public key");
  }
  return P256Key(der.clone(), public_of(*key));
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
