#include "seal/legacy.h"

#include <gtest/gtest.h>

#include "crypto/ed25519.h"

namespace confide::seal {
namespace {

// Contract 4.7.
constexpr std::string_view kEcdsaField =
    "0462c0a046dacce86ddd0343c6d3c7c79c2208ba0d9c9cf24a6d046d21d21f90f76d83f6a6ff2df8664ec7b804ab13"
    "62cc95403e4374d1819e0840bd8a8817800d000102030405060708090a0b700a110c48dcbdf96460f5a1b5fd902b13"
    "785c18f5";
constexpr std::string_view kEd25519Field =
    "50a61409b1ddd0325e9b16b700e719e9772c07000b1bd7786e907c653d20495d000102030405060708090a0bb855a8"
    "8cdb330203306605ab06a3976a7f571aea25";

SecretBytes secret(std::uint8_t byte) { return SecretBytes::copy_of(Bytes(32, byte)); }

crypto::Secp256k1Key ecdsa_key() { return crypto::Secp256k1Key::from_scalar(secret(0x04)).value(); }

void expect_refused(const LegacyKey& key, std::string_view field, Errc code) {
  const auto opened = key.open_field(field);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, code);
}

TEST(Legacy, OpensTheVectors) {
  EXPECT_EQ(LegacyKey(ecdsa_key()).open_field(kEcdsaField).value(), "hello");
  EXPECT_EQ(LegacyKey::from_ed25519_seed(secret(0x06)).value().open_field(kEd25519Field).value(),
            "hello");
}

TEST(Legacy, RoundTrip) {
  const auto ecdsa = ecdsa_key();
  const auto& point = ecdsa.public_key();
  for (const ByteView recipient : {ByteView(point), ByteView(point).subspan(1)}) {
    const auto field = seal_legacy_field(LegacyAlgo::ecdsa, recipient, "grüß").value();
    EXPECT_EQ(LegacyKey(ecdsa_key()).open_field(field).value(), "grüß");
  }
  const auto signer = crypto::Ed25519Key::from_seed(secret(0x06)).value();
  const auto field = seal_legacy_field(LegacyAlgo::ed25519, signer.public_key(), "grüß").value();
  EXPECT_EQ(LegacyKey::from_ed25519_seed(secret(0x06)).value().open_field(field).value(), "grüß");
}

TEST(Legacy, OpensNothingElse) {
  const LegacyKey key(ecdsa_key());
  std::string bad(kEcdsaField);
  bad.back() = '6';
  expect_refused(key, bad, Errc::bad_signature);
  expect_refused(LegacyKey::from_ed25519_seed(secret(0x07)).value(), kEd25519Field,
                 Errc::bad_signature);
  expect_refused(key, kEd25519Field, Errc::malformed);
  expect_refused(key, "hello", Errc::malformed);
}

TEST(Legacy, RecipientIsAKeyOfTheAlgorithm) {
  for (const LegacyAlgo algo : {LegacyAlgo::ecdsa, LegacyAlgo::ed25519}) {
    const auto sealed = seal_legacy_field(algo, Bytes(31, 1), "hello");
    ASSERT_FALSE(sealed);
    EXPECT_EQ(sealed.error().code, Errc::malformed);
  }
}

TEST(Legacy, AlgorithmNamesIgnoreCase) {
  EXPECT_EQ(parse_legacy_algo("ECDSA").value(), LegacyAlgo::ecdsa);
  EXPECT_EQ(parse_legacy_algo("Ed25519").value(), LegacyAlgo::ed25519);
  for (const char* bad : {"", "rsa", "ed25519 "}) {
    ASSERT_FALSE(parse_legacy_algo(bad));
    EXPECT_EQ(parse_legacy_algo(bad).error().code, Errc::unsupported);
  }
}

}  // namespace
}  // namespace confide::seal
