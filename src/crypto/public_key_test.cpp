#include "crypto/public_key.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/testing.h"
#include "crypto/signing_key.h"

namespace confide::crypto {
namespace {

using enum SignatureScheme;

struct SchemeCase {
  KeyKind kind{};
  SignatureScheme scheme{};
};

constexpr SchemeCase kSchemes[] = {{KeyKind::p256, p256_sha256},
                                   {KeyKind::p256, p256_sha256_der},
                                   {KeyKind::p384, p384_sha384},
                                   {KeyKind::p384, p384_sha384_der},
                                   {KeyKind::rsa, rsa_pss_sha384}};

const SigningKey& key_of(KeyKind kind) {
  static const SigningKey kP256 = SigningKey::generate(KeyKind::p256);
  static const SigningKey kP384 = SigningKey::generate(KeyKind::p384);
  static const SigningKey kRsa = SigningKey::generate(KeyKind::rsa);
  if (kind == KeyKind::p256) return kP256;
  return kind == KeyKind::p384 ? kP384 : kRsa;
}

TEST(PublicKey, VerifiesWhatItsOtherHalfSigned) {
  for (const auto& [kind, scheme] : kSchemes) {
    const SigningKey& key = key_of(kind);
    const Bytes signature = key.sign(scheme, as_bytes("message"));
    EXPECT_TRUE(key.public_key().verify(scheme, as_bytes("message"), signature));
    EXPECT_EQ(refusal(key.public_key().verify(scheme, as_bytes("massage"), signature)),
              Errc::bad_signature);
    EXPECT_EQ(refusal(SigningKey::generate(kind).public_key().verify(scheme, as_bytes("message"),
                                                                     signature)),
              Errc::bad_signature);
  }
}

TEST(PublicKey, RefusesEveryFlippedBitAndEveryOtherLength) {
  for (const auto& [kind, scheme] : kSchemes) {
    const SigningKey& key = key_of(kind);
    const Bytes good = key.sign(scheme, as_bytes("message"));
    const auto verdict = [&](const Bytes& signature) {
      return refusal(key.public_key().verify(scheme, as_bytes("message"), signature));
    };
    for (std::size_t byte = 0; byte < good.size(); ++byte) {
      Bytes bad = good;
      bad[byte] ^= static_cast<std::uint8_t>(1U << (byte % 8));
      EXPECT_EQ(verdict(bad), Errc::bad_signature) << byte;
    }
    Bytes longer = good;
    longer.push_back(0);
    EXPECT_EQ(verdict(longer), Errc::bad_signature);
    EXPECT_EQ(verdict({good.begin(), good.end() - 1}), Errc::bad_signature);
    EXPECT_EQ(verdict({}), Errc::bad_signature);
    EXPECT_EQ(verdict(Bytes(good.size())), Errc::bad_signature);
  }
}

TEST(PublicKey, RefusesSchemesOfOtherKeys) {
  for (const auto& [kind, unused] : kSchemes) {
    for (const auto& [other, scheme] : kSchemes) {
      if (other == kind) continue;
      const Bytes signature = key_of(other).sign(scheme, as_bytes("message"));
      EXPECT_EQ(refusal(key_of(kind).public_key().verify(scheme, as_bytes("message"), signature)),
                Errc::unsupported);
    }
  }
}

TEST(PublicKey, TravelsAsSubjectPublicKeyInfo) {
  for (const KeyKind kind : {KeyKind::p256, KeyKind::p384, KeyKind::rsa}) {
    const PublicKey& key = key_of(kind).public_key();
    const PublicKey read = PublicKey::from_spki(key.spki()).value();
    EXPECT_EQ(read.kind(), kind);
    EXPECT_TRUE(read == key);
    EXPECT_FALSE(read == SigningKey::generate(kind).public_key());
  }
}

TEST(PublicKey, IsMadeOfAPoint) {
  for (const KeyKind kind : {KeyKind::p256, KeyKind::p384}) {
    const PublicKey& key = key_of(kind).public_key();
    Bytes point = to_bytes(key.spki().last(kind == KeyKind::p256 ? 64 : 96));
    EXPECT_TRUE(PublicKey::from_point(point).value() == key);
    point.back() ^= 1;
    EXPECT_EQ(refusal(PublicKey::from_point(point)), Errc::malformed);
    point.push_back(0);
    EXPECT_EQ(refusal(PublicKey::from_point(point)), Errc::malformed);
  }
  EXPECT_EQ(refusal(PublicKey::from_point({})), Errc::malformed);
  EXPECT_EQ(refusal(PublicKey::from_point(Bytes(64))), Errc::malformed);
}

TEST(PublicKey, RefusesOtherFormsOfSubjectPublicKeyInfo) {
  const Bytes good = to_bytes(key_of(KeyKind::p256).public_key().spki());
  Bytes compressed = from_hex("3039301306072a8648ce3d020106082a8648ce3d03010703220002").value();
  append(compressed, ByteView(good).subspan(27, 32));
  EXPECT_EQ(refusal(PublicKey::from_spki(compressed)), Errc::unsupported);
  Bytes other_curve = good;
  other_curve[22] = 0x01;  // prime192v1
  EXPECT_EQ(refusal(PublicKey::from_spki(other_curve)), Errc::unsupported);
  Bytes off_curve = good;
  off_curve.back() ^= 1;
  EXPECT_EQ(refusal(PublicKey::from_spki(off_curve)), Errc::malformed);
  Bytes unused_bits = good;
  unused_bits[25] = 1;
  EXPECT_EQ(refusal(PublicKey::from_spki(unused_bits)), Errc::malformed);
  const Bytes ed25519 = from_hex("302a300506032b6570032100" + std::string(64, '1')).value();
  EXPECT_EQ(refusal(PublicKey::from_spki(ed25519)), Errc::unsupported);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(refusal(PublicKey::from_spki(ByteView(good).first(size))), Errc::malformed);
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(refusal(PublicKey::from_spki(longer)), Errc::malformed);
}

TEST(PublicKey, RefusesRsaKeysOfOtherSizesAndNumbers) {
  const SigningKey small = SigningKey::generate(KeyKind::rsa, 2048);
  const Bytes good = to_bytes(small.public_key().spki());
  // 30 82 01 22, 30 0d (algorithm), 03 82 01 0f 00, 30 82 01 0a, 02 82 01 01 00 and the modulus.
  constexpr std::size_t kModulus = 4 + 15 + 5 + 4 + 5;
  Bytes even = good;
  even[kModulus + 255] &= 0xFEU;
  EXPECT_EQ(refusal(PublicKey::from_spki(even)), Errc::malformed);
  Bytes exponent_one = from_hex("30820120300d06092a864886f70d01010105000382010d0030820108").value();
  append(exponent_one, ByteView(good).subspan(kModulus - 5, 5 + 256));
  append(exponent_one, Bytes{0x02, 0x01, 0x01});
  EXPECT_EQ(refusal(PublicKey::from_spki(exponent_one)), Errc::malformed);
  exponent_one.back() = 3;
  EXPECT_TRUE(PublicKey::from_spki(exponent_one));
  Bytes short_one = from_hex("305c300d06092a864886f70d0101010500034b003048024100c1").value();
  append(short_one, Bytes(63, 0x11));
  append(short_one, Bytes{0x02, 0x03, 0x01, 0x00, 0x01});
  EXPECT_EQ(refusal(PublicKey::from_spki(short_one)), Errc::unsupported);
}

// Wycheproof's tests, re-encoded: groups of a key and of rows [number, message, signature, result].
void run_wycheproof(const char* name, SignatureScheme scheme, int expected_count) {
  const std::filesystem::path path = std::filesystem::path(CONFIDE_VECTORS) / "crypto" / name;
  if (!std::filesystem::exists(path)) {
    GTEST_SKIP() << "SKIPPED: the folder of test vectors is not here";
  }
  std::ifstream file(path, std::ios::binary);
  const Json all = json::parse(std::string{std::istreambuf_iterator<char>(file), {}}).value();
  int count = 0;
  for (const Json& group : all["testGroups"]) {
    const auto key =
        PublicKey::from_spki(from_hex(group["publicKeyDer"].get<std::string>()).value());
    ASSERT_TRUE(key) << key.error().message;
    for (const Json& test : group["tests"]) {
      const Bytes message = from_hex(test[1].get<std::string>()).value();
      const Bytes signature = from_hex(test[2].get<std::string>()).value();
      const bool valid = test[3] == "valid";
      EXPECT_EQ(key->verify(scheme, message, signature).has_value(), valid) << test.dump();
      ++count;
    }
  }
  EXPECT_EQ(count, expected_count);
}

TEST(Wycheproof, P256Raw) {
  run_wycheproof("ecdsa_secp256r1_sha256_p1363_test.json", p256_sha256, 262);
}
TEST(Wycheproof, P384Raw) {
  run_wycheproof("ecdsa_secp384r1_sha384_p1363_test.json", p384_sha384, 280);
}
TEST(Wycheproof, P256Der) {
  run_wycheproof("ecdsa_secp256r1_sha256_test.json", p256_sha256_der, 484);
}
TEST(Wycheproof, P384Der) {
  run_wycheproof("ecdsa_secp384r1_sha384_test.json", p384_sha384_der, 504);
}
TEST(Wycheproof, RsaPss) {
  run_wycheproof("rsa_pss_4096_sha384_mgf1_48_test.json", rsa_pss_sha384, 141);
}

}  // namespace
}  // namespace confide::crypto
