#include "crypto/public_key.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "crypto/der.h"
#include "crypto/public_key_impl.h"

namespace confide::crypto {
namespace {

constexpr std::size_t kMinRsaBytes = 2048 / 8;
constexpr std::size_t kMaxRsaBytes = 4096 / 8;
constexpr std::uint64_t kMaxRsaExponent = 0xFFFFFFFF;

constexpr ByteArray<7> kEcPublicKey{0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01};  // 1.2.840.10045.2.1
constexpr ByteArray<9> kRsaEncryption{0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01};

// What SubjectPublicKeyInfo says before the coordinates of an uncompressed point, RFC 5480.
struct Curve {
  KeyKind kind{};
  int nid = 0;
  std::size_t coordinate = 0;  // bytes
  std::string_view oid;
  std::string_view spki_start;
};
using namespace std::string_view_literals;
constexpr std::array kCurves{
    Curve{.kind = KeyKind::p256,
          .nid = NID_X9_62_prime256v1,
          .coordinate = 32,
          .oid = "\x2A\x86\x48\xCE\x3D\x03\x01\x07"sv,
          .spki_start = "\x30\x59\x30\x13\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x08\x2A\x86\x48"
                        "\xCE\x3D\x03\x01\x07\x03\x42\x00\x04"sv},
    Curve{.kind = KeyKind::p384,
          .nid = NID_secp384r1,
          .coordinate = 48,
          .oid = "\x2B\x81\x04\x00\x22"sv,
          .spki_start = "\x30\x76\x30\x10\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x05\x2B\x81\x04"
                        "\x00\x22\x03\x62\x00\x04"sv},
};

// Null if that is no point of the curve.
Handle<EVP_PKEY> ec_pkey(const Curve& curve, ByteView point) {
  Bytes prefixed{0x04};
  append(prefixed, point);
  auto key = own(EC_KEY_new_by_curve_name(curve.nid));
  const EC_GROUP* const group = EC_KEY_get0_group(key.get());
  const auto decoded = own(EC_POINT_new(group));
  if (EC_POINT_oct2point(group, decoded.get(), prefixed.data(), prefixed.size(), nullptr) != 1 ||
      EC_KEY_set_public_key(key.get(), decoded.get()) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  return pkey_of(std::move(key));
}

struct RsaNumbers {
  ByteView modulus{};
  std::uint64_t exponent = 0;
};

Result<RsaNumbers> parse_rsa(ByteView der) {
  RsaNumbers out;
  TRY_ASSIGN(DerReader in, der_sequence(der, "RSA key"));
  TRY_ASSIGN(out.modulus, in.magnitude());
  TRY_ASSIGN(out.exponent, in.number(kMaxRsaExponent));
  TRY(in.expect_end());
  const ByteView modulus = out.modulus;
  if (modulus.size() < kMinRsaBytes || modulus.size() > kMaxRsaBytes || (modulus[0] & 0x80U) == 0) {
    return fail(Errc::unsupported, "RSA key: not of 2,048 to 4,096 bits");
  }
  if (out.exponent < 3 || out.exponent % 2 == 0 || modulus.back() % 2 == 0) {
    return fail(Errc::malformed, "RSA key: no such numbers");
  }
  return out;
}

// Null if the numbers make no key.
Handle<EVP_PKEY> rsa_pkey(const RsaNumbers& rsa) {
  const auto n = own(BN_bin2bn(rsa.modulus.data(), rsa.modulus.size(), nullptr));
  const auto e = own(BN_new());
  must(BN_set_u64(e.get(), rsa.exponent) == 1);
  Handle<RSA> key(RSA_new_public_key(n.get(), e.get()));
  if (key == nullptr) {
    ERR_clear_error();
    return nullptr;
  }
  return pkey_of(std::move(key));
}

// What a SubjectPublicKeyInfo holds, of a form that we take. The views point into its bytes.
struct SpkiParts {
  const Curve* curve = nullptr;  // of an EC key
  ByteView point{};              // of that curve, or so it says
  RsaNumbers rsa{};              // where `curve` is null
};

Result<SpkiParts> parse_ec(DerReader& algorithm, ByteView key) {
  if (!algorithm.next_is(DerTag::oid)) {
    return fail(Errc::unsupported, "public key: not a named curve");
  }
  TRY_ASSIGN(const ByteView name, algorithm.oid());
  TRY(algorithm.expect_end());
  const auto* const curve =
      std::ranges::find_if(kCurves, [&](const Curve& c) { return as_text(name) == c.oid; });
  if (curve == kCurves.end()) {
    return fail(Errc::unsupported, "public key: neither P-256 nor P-384");
  }
  if (key.empty() || key[0] != 0x04) {
    return fail(Errc::unsupported, "public key: not an uncompressed point");
  }
  if (key.size() != 1 + 2 * curve->coordinate) {
    return fail(Errc::malformed, "public key: not two coordinates");
  }
  return SpkiParts{.curve = curve, .point = key.subspan(1)};
}

Result<SpkiParts> parse_spki(ByteView der) {
  TRY_ASSIGN(DerReader in, der_sequence(der, "public key"));
  TRY_ASSIGN(DerReader algorithm, in.inside(DerTag::sequence));
  TRY_ASSIGN(const ByteView oid, algorithm.oid());
  TRY_ASSIGN(const ByteView key, in.bits());
  TRY(in.expect_end());
  if (std::ranges::equal(oid, kEcPublicKey)) return parse_ec(algorithm, key);
  if (!std::ranges::equal(oid, kRsaEncryption)) {
    return fail(Errc::unsupported, "public key: neither EC nor RSA");
  }
  TRY_ASSIGN(const DerElement parameters, algorithm.element(DerTag::null));
  if (!parameters.content.empty()) return fail(Errc::malformed, "public key: a filled NULL");
  TRY(algorithm.expect_end());
  TRY_ASSIGN(const RsaNumbers rsa, parse_rsa(key));
  return SpkiParts{.rsa = rsa};
}

PublicKey make_key(const SpkiParts& parts, Bytes spki, Handle<EVP_PKEY> pkey) {
  const KeyKind kind = parts.curve != nullptr ? parts.curve->kind : KeyKind::rsa;
  return PublicKey(std::make_shared<const PublicKey::Impl>(
      PublicKey::Impl{kind, std::move(spki), std::move(pkey)}));
}

Bytes der_of_raw(ByteView raw) {
  const std::size_t coordinate = raw.size() / 2;
  const auto signature = own(ECDSA_SIG_new());
  const auto number = [](ByteView bytes) {
    return own(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  };
  auto r = number(raw.first(coordinate));
  auto s = number(raw.last(coordinate));
  must(ECDSA_SIG_set0(signature.get(), r.release(), s.release()) == 1);
  return to_der(signature.get(), i2d_ECDSA_SIG);
}

}  // namespace

SchemeParts parts_of(SignatureScheme scheme) {
  switch (scheme) {
    case SignatureScheme::p256_sha256:
      return {.kind = KeyKind::p256, .hash = EVP_sha256(), .coordinate = 32};
    case SignatureScheme::p384_sha384:
      return {.kind = KeyKind::p384, .hash = EVP_sha384(), .coordinate = 48};
    case SignatureScheme::p256_sha256_der:
      return {.kind = KeyKind::p256, .hash = EVP_sha256()};
    case SignatureScheme::p384_sha384_der:
      return {.kind = KeyKind::p384, .hash = EVP_sha384()};
    case SignatureScheme::rsa_pss_sha384:
      return {.kind = KeyKind::rsa, .hash = EVP_sha384()};
  }
  std::abort();
}

Handle<EVP_MD_CTX> signature_context(DigestInit* init, const EVP_MD* hash, RsaPadding padding,
                                     EVP_PKEY* pkey) {
  auto out = own(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;  // belongs to `out`
  must(init(out.get(), &options, hash, nullptr, pkey) == 1);
  if (EVP_PKEY_id(pkey) == EVP_PKEY_RSA && padding == RsaPadding::pss) {
    must(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1);
    must(EVP_PKEY_CTX_set_rsa_mgf1_md(options, hash) == 1);
    must(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1);
  }
  return out;
}

Status verify_signature(const PublicKey& key, const EVP_MD* hash, RsaPadding padding,
                        ByteView message, ByteView signature) {
  const auto context =
      signature_context(EVP_DigestVerifyInit, hash, padding, key.impl().pkey.get());
  if (EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                       message.size()) != 1) {
    return aws_lc_fail(Errc::bad_signature, "the signature does not verify");
  }
  return {};
}

Result<PublicKey> PublicKey::from_spki(ByteView der) {
  TRY_ASSIGN(const SpkiParts parts, parse_spki(der));
  if (parts.curve != nullptr) return from_point(parts.point);
  auto pkey = rsa_pkey(parts.rsa);
  if (pkey == nullptr) return fail(Errc::malformed, "RSA key: no such numbers");
  return make_key(parts, to_bytes(der), std::move(pkey));
}

Result<PublicKey> public_key_of(X509_PUBKEY& decoded) {
  Bytes der = to_der(&decoded, i2d_X509_PUBKEY);
  TRY_ASSIGN(const SpkiParts parts, parse_spki(der));
  EVP_PKEY* const pkey = X509_PUBKEY_get(&decoded);
  if (pkey == nullptr) return aws_lc_fail(Errc::malformed, "public key: no point of the curve");
  return make_key(parts, std::move(der), own(pkey));
}

Result<PublicKey> PublicKey::from_point(ByteView point) {
  const auto* const curve = std::ranges::find_if(
      kCurves, [&](const Curve& c) { return point.size() == 2 * c.coordinate; });
  if (curve == kCurves.end()) return fail(Errc::malformed, "public key: not two coordinates");
  auto pkey = ec_pkey(*curve, point);
  if (pkey == nullptr) return fail(Errc::malformed, "public key: no point of the curve");
  Bytes spki = to_bytes(as_bytes(curve->spki_start));
  append(spki, point);
  return make_key({.curve = curve}, std::move(spki), std::move(pkey));
}

KeyKind PublicKey::kind() const noexcept { return impl_->kind; }
ByteView PublicKey::spki() const noexcept { return impl_->spki; }
bool PublicKey::operator==(const PublicKey& other) const {
  return impl_->spki == other.impl_->spki;
}

Status PublicKey::verify(SignatureScheme scheme, ByteView message, ByteView signature) const {
  const SchemeParts parts = parts_of(scheme);
  if (parts.kind != kind()) {
    return fail(Errc::unsupported, "the signature scheme is not for this kind of key");
  }
  if (parts.coordinate == 0) {
    return verify_signature(*this, parts.hash, RsaPadding::pss, message, signature);
  }
  if (signature.size() != 2 * parts.coordinate) {
    return fail(Errc::bad_signature, "the signature is not of its scheme's length");
  }
  return verify_signature(*this, parts.hash, {}, message, der_of_raw(signature));
}

}  // namespace confide::crypto
