#include "crypto/p256.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/testing.h"

namespace confide::crypto {
namespace {

TEST(P256, SignsAndVerifies) {
  const P256Key key = P256Key::generate();
  const Bytes message = {1, 2, 3};
  for (int i = 0; i < 50; ++i) {  // r and s of every length
    EXPECT_TRUE(p256_verify(key.public_key(), message, key.sign(message)));
  }
  EXPECT_TRUE(p256_verify(key.public_key(), {}, key.sign({})));
}

TEST(P256, AnyFlippedBitIsRefused) {
  const P256Key key = P256Key::generate();
  const Bytes message = {1, 2, 3};
  const auto good = key.sign(message);
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    auto bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    ASSERT_EQ(refusal(p256_verify(key.public_key(), message, bad)), Errc::bad_signature) << bit;
  }
  EXPECT_EQ(refusal(p256_verify(key.public_key(), Bytes{1, 2}, good)), Errc::bad_signature);
  EXPECT_EQ(refusal(p256_verify(P256Key::generate().public_key(), message, good)),
            Errc::bad_signature);
}

TEST(P256, RefusesKeysOffTheCurve) {
  auto bad = P256Key::generate().public_key();
  bad[63] ^= 1;
  EXPECT_EQ(refusal(p256_verify(bad, {}, {})), Errc::malformed);
  EXPECT_EQ(refusal(p256_verify(P256Public{}, {}, {})), Errc::malformed);
  bad.fill(0xFF);
  EXPECT_EQ(refusal(p256_verify(bad, {}, {})), Errc::malformed);
}

TEST(P256, KeySurvivesItsDerForm) {
  const P256Key key = P256Key::generate();
  const SecretBytes der = key.to_der();
  EXPECT_EQ(der.size(), 138U);  // the form with the public key and without repeated parameters
  const P256Key same = P256Key::from_der(der).value();
  EXPECT_EQ(same.public_key(), key.public_key());
  EXPECT_TRUE(p256_verify(key.public_key(), {}, same.sign({})));
}

TEST(P256, RefusesForeignDer) {
  const SecretBytes der = P256Key::generate().to_der();
  EXPECT_EQ(refusal(P256Key::from_der(SecretBytes())), Errc::malformed);
  EXPECT_EQ(refusal(P256Key::from_der(SecretBytes::copy_of(der.reveal().first(100)))),
            Errc::malformed);
  Bytes longer = to_bytes(der.reveal());
  longer.push_back(0);
  EXPECT_EQ(refusal(P256Key::from_der(SecretBytes::copy_of(longer))), Errc::malformed);
  // A public key that is another one's: the last 64 bytes are the point.
  Bytes crossed = to_bytes(der.reveal());
  const auto other = P256Key::generate().public_key();
  std::ranges::copy(other, crossed.end() - 64);
  EXPECT_EQ(refusal(P256Key::from_der(SecretBytes::copy_of(crossed))), Errc::malformed);
  // An Ed25519 key in PKCS#8, RFC 8410 section 10.3.
  EXPECT_EQ(refusal(P256Key::from_der(SecretBytes::copy_of(*from_hex(
                "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe0"
                "97a88f44755842")))),
            Errc::unsupported);
}

// Project Wycheproof's signatures in raw form. Those of another length than 64 bytes cannot even be
// passed to p256_verify().
TEST(P256, Wycheproof) {
  std::ifstream file(CONFIDE_VECTORS "/crypto/ecdsa_secp256r1_sha256_p1363_test.json");
  if (!file) GTEST_SKIP() << "SKIPPED: the folder of test vectors is not here";
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Json vectors = json::parse(text).value();
  int valid = 0;
  int invalid = 0;
  for (const Json& group : vectors["testGroups"]) {
    const Bytes spki = from_hex(group["publicKeyDer"].get<std::string>()).value();
    ASSERT_EQ(spki.size(), 91U);
    P256Public key{};
    std::copy(spki.end() - 64, spki.end(), key.begin());
    for (const Json& test : group["tests"]) {
      const Bytes message = from_hex(test[1].get<std::string>()).value();
      const auto signature = from_hex_array<64>(test[2].get<std::string>());
      if (test[3] == "valid") {
        ++valid;
        EXPECT_TRUE(p256_verify(key, message, signature.value())) << test;
      } else if (signature) {
        ++invalid;
        EXPECT_EQ(refusal(p256_verify(key, message, *signature)), Errc::bad_signature) << test;
      }
    }
  }
  EXPECT_EQ(valid, 173);
  EXPECT_EQ(invalid, 68);
}

}  // namespace
}  // namespace confide::crypto
