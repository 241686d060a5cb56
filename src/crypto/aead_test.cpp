#include "crypto/aead.h"

#include <gtest/gtest.h>

#include "base/testing.h"
#include "crypto/random.h"

namespace confide::crypto {
namespace {

SecretBytes secret(std::string_view hex) { return SecretBytes::copy_of(from_hex(hex).value()); }

std::string derived(std::string_view salt, std::string_view ikm, std::string_view info,
                    std::size_t length) {
  return to_hex(
      hkdf_sha256(from_hex(salt).value(), secret(ikm), as_text(from_hex(info).value()), length)
          .reveal());
}

// RFC 5869 appendix A.
TEST(Hkdf, Rfc5869Vectors) {
  constexpr auto kShortKey = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";
  EXPECT_EQ(derived("000102030405060708090a0b0c", kShortKey, "f0f1f2f3f4f5f6f7f8f9", 42),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  EXPECT_EQ(derived("", kShortKey, "", 42),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
  const auto ascending = [](int first, int last) {
    Bytes out;
    for (int i = first; i <= last; ++i) out.push_back(static_cast<std::uint8_t>(i));
    return to_hex(out);
  };
  EXPECT_EQ(derived(ascending(0x60, 0xaf), ascending(0x00, 0x4f), ascending(0xb0, 0xff), 82),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41"
            "c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

struct Suite {
  std::string_view info, shared, key, sealed;
  std::string_view aad_algo;  // empty: no AAD
};

// Contract 4.7: shared secret to AES key to ciphertext, for the four suites that exist.
constexpr Suite kSuites[] = {
    {"aci.e2ee.v2.x25519", "8a7eddf1d2e69d6c895a5e969092dd6be0caa725d435c0244fe33fc2259aa847",
     "c33bdeda56079e734adc2ab5cfe56ba869d156b309201e94526eddc1c68d6516",
     "35e06cb03f8831605593e7f95129cf1fb8e818dfba", "x25519-aes-256-gcm-hkdf-sha256"},
    {"aci.e2ee.v2.secp256k1", "c2c043b455f384ffcca06d2c0c8cbb4bb435bc6f6725ff6b20ff30fbdcf8f703",
     "e4f934f53f72fd6277f4e72be77a95706faf912a16404ab369133dd7081a4044",
     "795972046673c8a8d34feeeb2de394fcb965f9c00b", "secp256k1-aes-256-gcm-hkdf-sha256"},
    {"ecdsa_encryption", "c2c043b455f384ffcca06d2c0c8cbb4bb435bc6f6725ff6b20ff30fbdcf8f703",
     "504f7707759eaef601800f00b01aa40041cb948c6995f76fae79c92b2b89a93c",
     "700a110c48dcbdf96460f5a1b5fd902b13785c18f5", ""},
    {"ed25519_encryption", "f29ec29754ae3990af9541f97fade2b396919cf6626e99c891c4903beac6fe76",
     "9c751a70214abc5e5b67a7ef154003e328b97d1363956e50bfd0c8bd3af55608",
     "b855a88cdb330203306605ab06a3976a7f571aea25", ""},
};

std::string aad_of(const Suite& suite) {
  if (suite.aad_algo.empty()) return {};
  return R"({"algo":")" + std::string(suite.aad_algo) +
         R"(","field":"messages.0.content","model":"demo-model",)"
         R"("nonce":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",)"
         R"("purpose":"aci.e2ee.request.v2","ts":1750000000})";
}

TEST(Aead, ContractVectors) {
  const auto nonce = from_hex_array<12>("000102030405060708090a0b").value();
  for (const Suite& suite : kSuites) {
    const SecretBytes key = hkdf_sha256({}, secret(suite.shared), suite.info, 32);
    EXPECT_EQ(to_hex(key.reveal()), suite.key) << suite.info;
    const std::string aad = aad_of(suite);
    const Bytes sealed = aes256gcm_seal(key, nonce, as_bytes(aad), as_bytes("hello"));
    EXPECT_EQ(to_hex(sealed), suite.sealed) << suite.info;
    EXPECT_EQ(as_text(aes256gcm_open(key, nonce, as_bytes(aad), sealed).value()), "hello");
  }
}

// The GCM specification's test case 14: one block of zeroes, zero key, zero nonce.
TEST(Aead, GcmTestCase14) {
  EXPECT_EQ(to_hex(aes256gcm_seal(SecretBytes(32), {}, {}, Bytes(16))),
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
  // Test case 13: nothing at all.
  EXPECT_EQ(to_hex(aes256gcm_seal(SecretBytes(32), {}, {}, {})),
            "530f8afbc74536b9a963b4f1c4cb738b");
}

struct Sealed : ::testing::Test {
  SecretBytes key = random_secret(32);
  ByteArray<12> nonce{1, 2, 3};
  Bytes aad = {'a', 'a', 'd'};
  Bytes plaintext = random_bytes(50);
  Bytes sealed = aes256gcm_seal(key, nonce, aad, plaintext);
};

TEST_F(Sealed, OpensToThePlaintext) {
  EXPECT_EQ(sealed.size(), plaintext.size() + kGcmTagSize);
  EXPECT_EQ(aes256gcm_open(key, nonce, aad, sealed).value(), plaintext);
  const Bytes empty = aes256gcm_seal(key, nonce, aad, {});
  EXPECT_TRUE(aes256gcm_open(key, nonce, aad, empty).value().empty());
}

TEST_F(Sealed, AnyFlippedBitIsRefused) {
  for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    Bytes bad = sealed;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    ASSERT_EQ(refusal(aes256gcm_open(key, nonce, aad, bad)), Errc::bad_signature) << bit;
  }
}

TEST_F(Sealed, EveryOtherInputIsBoundToo) {
  ByteArray<12> other_nonce = nonce;
  other_nonce[11] ^= 1;
  EXPECT_EQ(refusal(aes256gcm_open(key, other_nonce, aad, sealed)), Errc::bad_signature);
  EXPECT_EQ(refusal(aes256gcm_open(key, nonce, as_bytes("aae"), sealed)), Errc::bad_signature);
  EXPECT_EQ(refusal(aes256gcm_open(key, nonce, {}, sealed)), Errc::bad_signature);
  EXPECT_EQ(refusal(aes256gcm_open(random_secret(32), nonce, aad, sealed)), Errc::bad_signature);
}

TEST_F(Sealed, TruncationIsRefused) {
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_EQ(refusal(aes256gcm_open(key, nonce, aad, ByteView(sealed).first(size))),
              size < kGcmTagSize ? Errc::malformed : Errc::bad_signature);
  }
}

}  // namespace
}  // namespace confide::crypto
