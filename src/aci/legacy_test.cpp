#include "aci/legacy.h"

#include <gtest/gtest.h>

#include "crypto/ed25519.h"
#include "crypto/secp256k1.h"

namespace confide::aci {
namespace {

// Contract 4.5 and 4.7.
constexpr std::string_view kRequest =
    R"({"messages":[{"content":"hi","role":"user"}],"model":"demo-model"})";
constexpr std::string_view kResponse = R"({"choices":[],"id":"chatcmpl-123"})";
constexpr std::string_view kNonce =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

std::string sample_text() {
  return legacy_signed_text(crypto::sha256(as_bytes(kRequest)),
                            crypto::sha256(as_bytes(kResponse)));
}

crypto::Secp256k1Key ecdsa_key() {
  return crypto::Secp256k1Key::from_scalar(SecretBytes::copy_of(Bytes(32, 0x04))).value();
}

crypto::Ed25519Key ed25519_key() {
  return crypto::Ed25519Key::from_seed(SecretBytes::copy_of(Bytes(32, 0x06))).value();
}

TEST(LegacyText, Vector) {
  EXPECT_EQ(sample_text().size(), 129U);
  EXPECT_EQ(sample_text(),
            "94d809bf47380d8a2eab0eb6e126d4dda9364b0b4725cdf7ead52dd70b2aa87b:"
            "dedfffe5b14d031b8e2c01996d021a15293cb7c63b56be7e4be9e89b6f0a5f61");
}

TEST(LegacyText, SignaturesOfTheVector) {
  EXPECT_EQ(to_hex(ecdsa_key().sign_eip191(sample_text())),
            "829735730033f0e45c63abd607e6938feddc9d95d0292b6cde2dcdc213aa4cda14ba94dcaa30e7b4459288"
            "c9e01f6c6ea648ed9cc46729576a191370c03876ca1b");
  EXPECT_EQ(to_hex(ed25519_key().sign(as_bytes(sample_text()))),
            "b64099aabc65c8abafa72260d0e84a0e9431c6c0e6654d606f018d2bfbbadbb8bc6b075b38a8c12acb842b"
            "6febb22313e0e2607f9bb1c82142d12852b0355a01");
}

TEST(LegacyNonce, IsRawOrHashed) {
  EXPECT_EQ(to_hex(legacy_nonce(kNonce)), kNonce);
  const std::string upper = "AB" + std::string(kNonce.substr(2));
  EXPECT_EQ(legacy_nonce(upper)[0], 0xab);
  EXPECT_EQ(to_hex(legacy_nonce("test-nonce")),
            "ed04c4e9ea6c49cf9ceb39098787c5b9842524f96b07ef45305476a11caec9b4");
}

TEST(LegacyReportData, Vectors) {
  const auto nonce = legacy_nonce(kNonce);
  const auto address = crypto::eth_address(ecdsa_key().public_key());
  EXPECT_EQ(
      to_hex(legacy_report_data_v1(address, nonce).value()),
      "c48b812bb43401392c037381aca934f4069c0517000000000000000000000000" + std::string(kNonce));
  EXPECT_EQ(
      to_hex(legacy_report_data_v1(ed25519_key().public_key(), nonce).value()),
      "8a875fff1eb38451577acd5afee405456568dd7c89e090863a0557bc7af49f17" + std::string(kNonce));
  crypto::Sha256 spki{};
  spki.fill(0xc0);
  EXPECT_EQ(
      to_hex(legacy_report_data_v2(address, spki, nonce).value()),
      "a0f39756eb5a17a0c8a4ea39c20c9e72c5e0e2a761896ffbab760c07eb130cd1" + std::string(kNonce));
}

TEST(LegacyReportData, IdentityIsAnAddressOrAKey) {
  for (const std::size_t size : {0U, 19U, 21U, 33U, 64U}) {
    const auto v1 = legacy_report_data_v1(Bytes(size), {});
    ASSERT_FALSE(v1);
    EXPECT_EQ(v1.error().code, Errc::malformed);
    const auto v2 = legacy_report_data_v2(Bytes(size), {}, {});
    ASSERT_FALSE(v2);
    EXPECT_EQ(v2.error().code, Errc::malformed);
  }
}

}  // namespace
}  // namespace confide::aci
