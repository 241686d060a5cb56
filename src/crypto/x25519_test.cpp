#include "crypto/x25519.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/testing.h"
#include "crypto/ed25519.h"

namespace confide::crypto {
namespace {

X25519Key key_of(std::string_view scalar_hex) {
  return X25519Key::from_scalar(SecretBytes::copy_of(*from_hex(scalar_hex))).value();
}

X25519Key key_of_byte(std::uint8_t byte) {
  return X25519Key::from_scalar(SecretBytes::copy_of(Bytes(32, byte))).value();
}

X25519Public point(std::string_view hex) { return from_hex_array<32>(hex).value(); }

std::string agreed(const X25519Key& key, const X25519Public& peer) {
  return to_hex(key.agree(peer).value().reveal());
}

// RFC 7748 section 6.1.
TEST(X25519, Rfc7748DiffieHellman) {
  const X25519Key alice =
      key_of("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const X25519Key bob = key_of("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  EXPECT_EQ(to_hex(alice.public_key()),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(to_hex(bob.public_key()),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  constexpr auto kShared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
  EXPECT_EQ(agreed(alice, bob.public_key()), kShared);
  EXPECT_EQ(agreed(bob, alice.public_key()), kShared);
}

// RFC 7748 section 5.2, first two vectors: the peer's top bit is ignored, the scalar clamped.
TEST(X25519, Rfc7748Multiplication) {
  EXPECT_EQ(agreed(key_of("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                   point("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")),
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  EXPECT_EQ(agreed(key_of("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d"),
                   point("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493")),
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

// All of them, and no other: what lies above the prime 2^255 - 19 spells 0 to 18 a second time.
TEST(X25519, KnowsWhoCannotBeAgreedWith) {
  std::vector<X25519Public> points = {
      point("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
      point("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")};
  for (int i = 0; i < 24; ++i) {
    X25519Public low{};
    low[0] = static_cast<std::uint8_t>(i);
    points.push_back(low);
    X25519Public high = point(std::string(62, 'f') + "7f");
    high[0] = static_cast<std::uint8_t>(0xff - i);
    points.push_back(high);
    points.push_back(X25519Key::generate().public_key());
  }
  const X25519Key key = key_of_byte(0x03);
  int refused = 0;
  for (const X25519Public& peer : points) {
    EXPECT_EQ(has_low_order(peer), !key.agree(peer)) << to_hex(peer);
    refused += has_low_order(peer) ? 1 : 0;
  }
  EXPECT_EQ(refused, 7);
}

TEST(X25519, ContractVectors) {
  const X25519Key service = key_of_byte(0x03);
  const X25519Key ephemeral = key_of_byte(0x05);
  EXPECT_EQ(to_hex(service.public_key()),
            "5dfedd3b6bd47f6fa28ee15d969d5bb0ea53774d488bdaf9df1c6e0124b3ef22");
  EXPECT_EQ(to_hex(ephemeral.public_key()),
            "50a61409b1ddd0325e9b16b700e719e9772c07000b1bd7786e907c653d20495d");
  constexpr auto kShared = "8a7eddf1d2e69d6c895a5e969092dd6be0caa725d435c0244fe33fc2259aa847";
  EXPECT_EQ(agreed(service, ephemeral.public_key()), kShared);
  EXPECT_EQ(agreed(ephemeral, service.public_key()), kShared);
}

// Contract 4.7, the legacy suite: an Ed25519 key pair in Montgomery form.
TEST(X25519, MapsEd25519Keys) {
  constexpr auto kMontgomery = "90e68be878c7cae260234f24f9745794d1605d5a13c0eec971695e44557b5800";
  const SecretBytes seed = SecretBytes::copy_of(Bytes(32, 0x06));
  const X25519Key key = X25519Key::from_ed25519_seed(seed).value();
  const Ed25519Public edwards = Ed25519Key::from_seed(seed.clone()).value().public_key();
  EXPECT_EQ(to_hex(key.public_key()), kMontgomery);
  EXPECT_EQ(to_hex(x25519_from_ed25519(edwards).value()), kMontgomery);
  EXPECT_EQ(agreed(key, key_of_byte(0x05).public_key()),
            "f29ec29754ae3990af9541f97fade2b396919cf6626e99c891c4903beac6fe76");
  // The contract gives the clamped scalar itself.
  EXPECT_EQ(
      to_hex(
          key_of("a83f248f80ff04de20a82fe12bd3551887168e372d239932ce812d0992d34078").public_key()),
      kMontgomery);
}

TEST(X25519, BothMapsAgree) {
  for (int i = 0; i < 50; ++i) {
    SecretBytes seed(32);
    for (auto& byte : seed.reveal()) byte = static_cast<std::uint8_t>(i * 7 + 1);
    const auto mapped = X25519Key::from_ed25519_seed(seed).value().public_key();
    const auto edwards = Ed25519Key::from_seed(std::move(seed)).value().public_key();
    EXPECT_EQ(x25519_from_ed25519(edwards).value(), mapped);
  }
}

TEST(X25519, RefusesUnusableEd25519Keys) {
  EXPECT_EQ(refusal(x25519_from_ed25519({})), Errc::malformed);
  EXPECT_EQ(refusal(x25519_from_ed25519(Bytes(31, 0x05))), Errc::malformed);
  EXPECT_EQ(refusal(x25519_from_ed25519(Bytes(33, 0x05))), Errc::malformed);
  // The identity (u would be 1/0), the point of order 2, a y on no point, and y = p + 3.
  for (const char* hex : {"0100000000000000000000000000000000000000000000000000000000000000",
                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "0200000000000000000000000000000000000000000000000000000000000000",
                          "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    EXPECT_EQ(refusal(x25519_from_ed25519(*from_hex(hex))), Errc::malformed) << hex;
  }
}

TEST(X25519, RefusesPeersOfLowOrder) {
  const X25519Key key = key_of_byte(0x03);
  // u = 0, 1, p - 1, p, p + 1 and the two of order 8.
  for (const char* hex : {"0000000000000000000000000000000000000000000000000000000000000000",
                          "0100000000000000000000000000000000000000000000000000000000000000",
                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                          "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"}) {
    EXPECT_EQ(refusal(key.agree(point(hex))), Errc::malformed) << hex;
  }
}

TEST(X25519, SecretsHave32Bytes) {
  for (const std::size_t size : {0U, 31U, 33U}) {
    EXPECT_EQ(refusal(X25519Key::from_scalar(SecretBytes(size))), Errc::malformed);
    EXPECT_EQ(refusal(X25519Key::from_ed25519_seed(SecretBytes(size))), Errc::malformed);
  }
}

TEST(X25519, GeneratedKeysAgree) {
  const X25519Key a = X25519Key::generate();
  const X25519Key b = X25519Key::generate();
  EXPECT_NE(a.public_key(), b.public_key());
  EXPECT_EQ(agreed(a, b.public_key()), agreed(b, a.public_key()));
}

}  // namespace
}  // namespace confide::crypto
