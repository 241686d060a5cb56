#include "crypto/ed25519.h"

#include <openssl/curve25519.h>

#include <algorithm>

#include <gtest/gtest.h>

#include "base/testing.h"
#include "crypto/aws_lc.h"
#include "crypto/edwards.h"
#include "crypto/hash.h"

namespace confide::crypto {
namespace {

// The group's order L, and the base point, RFC 8032 section 5.1; little-endian.
constexpr std::string_view kOrder =
    "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
constexpr std::string_view kBasePoint =
    "5866666666666666666666666666666666666666666666666666666666666666";
constexpr std::string_view kIdentity =
    "0100000000000000000000000000000000000000000000000000000000000000";

Ed25519Key key_of(std::string_view seed_hex) {
  return Ed25519Key::from_seed(SecretBytes::copy_of(*from_hex(seed_hex))).value();
}

Ed25519Key key_of_byte(std::uint8_t byte) {
  return Ed25519Key::from_seed(SecretBytes::copy_of(Bytes(32, byte))).value();
}

Ed25519Public point(std::string_view hex) { return from_hex_array<32>(hex).value(); }

Ed25519Signature join(const Ed25519Public& r, ByteView s) {
  Ed25519Signature out{};
  std::ranges::copy(r, out.begin());
  std::ranges::copy(s, out.begin() + 32);
  return out;
}

Handle<BIGNUM> number(ByteView little_endian) {
  return own(BN_le2bn(little_endian.data(), little_endian.size(), nullptr));
}

ByteArray<32> bytes_of(const BIGNUM& number) {
  ByteArray<32> out{};
  must(BN_bn2le_padded(out.data(), out.size(), &number) == 1);
  return out;
}

// What AWS-LC alone says, to show that a refusal of ours is needed.
bool library_accepts(const Ed25519Public& key, ByteView message, const Ed25519Signature& sig) {
  return ED25519_verify(message.data(), message.size(), sig.data(), key.data()) == 1;
}

struct Vector {
  std::string_view seed, pub, message, signature;
};

// RFC 8032 section 7.1, tests 1 to 3; contract 4.7's signed text (made by another implementation).
constexpr Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6594a7c15e9716ed28dc027beceea1ec40a"},
};

TEST(Ed25519, Rfc8032Vectors) {
  for (const Vector& v : kVectors) {
    const Ed25519Key key = key_of(v.seed);
    const Bytes message = from_hex(v.message).value();
    EXPECT_EQ(to_hex(key.public_key()), v.pub);
    EXPECT_EQ(to_hex(key.sign(message)), v.signature);
    EXPECT_TRUE(ed25519_verify(point(v.pub), message, from_hex_array<64>(v.signature).value()));
  }
}

TEST(Ed25519, ContractVectors) {
  EXPECT_EQ(to_hex(key_of_byte(0x02).public_key()),
            "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394");
  const Ed25519Key legacy = key_of_byte(0x06);
  EXPECT_EQ(to_hex(legacy.public_key()),
            "8a875fff1eb38451577acd5afee405456568dd7c89e090863a0557bc7af49f17");
  EXPECT_EQ(to_hex(legacy.sign(
                as_bytes("94d809bf47380d8a2eab0eb6e126d4dda9364b0b4725cdf7ead52dd70b2aa87b:"
                         "dedfffe5b14d031b8e2c01996d021a15293cb7c63b56be7e4be9e89b6f0a5f61"))),
            "b64099aabc65c8abafa72260d0e84a0e9431c6c0e6654d606f018d2bfbbadbb8bc6b075b38a8c12acb842b"
            "6febb22313e0e2607f9bb1c82142d12852b0355a01");
}

TEST(Ed25519, SeedHas32Bytes) {
  for (const std::size_t size : {0U, 31U, 33U, 64U}) {
    EXPECT_EQ(refusal(Ed25519Key::from_seed(SecretBytes(size))), Errc::malformed);
  }
}

TEST(Ed25519, GeneratedKeysDiffer) {
  EXPECT_NE(Ed25519Key::generate().public_key(), Ed25519Key::generate().public_key());
}

TEST(Ed25519, AnyFlippedBitIsRefused) {
  const Ed25519Key key = key_of_byte(0x02);
  const Bytes message = {1, 2, 3};
  const auto good = key.sign(message);
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    auto bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    ASSERT_EQ(refusal(ed25519_verify(key.public_key(), message, bad)), Errc::bad_signature) << bit;
  }
  for (std::size_t bit = 0; bit < 256; ++bit) {
    auto other = key.public_key();
    other[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    ASSERT_EQ(refusal(ed25519_verify(other, message, good)), Errc::bad_signature) << bit;
  }
  EXPECT_EQ(refusal(ed25519_verify(key.public_key(), Bytes{1, 2, 2}, good)), Errc::bad_signature);
  EXPECT_EQ(refusal(ed25519_verify(key.public_key(), {}, good)), Errc::bad_signature);
}

TEST(Ed25519, RefusesTheSameScalarPlusTheOrder) {
  const Ed25519Key key = key_of_byte(0x02);
  auto sig = key.sign({});
  const auto s = number(ByteView(sig).last(32));
  must(BN_add(s.get(), s.get(), number(*from_hex(kOrder)).get()) == 1);
  std::ranges::copy(bytes_of(*s), sig.begin() + 32);
  EXPECT_EQ(refusal(ed25519_verify(key.public_key(), {}, sig)), Errc::bad_signature);
}

// With the identity as the key, R = B and S = 1 satisfy the equation for every message.
TEST(Ed25519, RefusesSmallOrderKeys) {
  const auto sig = join(point(kBasePoint), *from_hex(kIdentity));
  ASSERT_TRUE(library_accepts(point(kIdentity), Bytes{1, 2, 3}, sig));
  EXPECT_EQ(refusal(ed25519_verify(point(kIdentity), Bytes{1, 2, 3}, sig)), Errc::bad_signature);
}

// A signer can make R the identity; then S is the hash times the secret scalar. Written as p + 1
// the identity has a second encoding, and with it the message a second signature.
TEST(Ed25519, RefusesNonCanonicalR) {
  const Bytes seed(32, 0x02);
  const Ed25519Key key = key_of_byte(0x02);
  const auto signature_with = [&](const Ed25519Public& r) {
    auto scalar = sha512(seed);
    scalar[0] &= 0xF8;
    scalar[31] = static_cast<std::uint8_t>((scalar[31] & 0x7FU) | 0x40U);
    Bytes hashed = to_bytes(r);
    append(hashed, key.public_key());
    const auto s = own(BN_new());
    const auto context = own(BN_CTX_new());
    must(BN_mod_mul(s.get(), number(sha512(hashed)).get(), number(ByteView(scalar).first(32)).get(),
                    number(*from_hex(kOrder)).get(), context.get()) == 1);
    return join(r, bytes_of(*s));
  };
  EXPECT_TRUE(ed25519_verify(key.public_key(), {}, signature_with(point(kIdentity))));
  EXPECT_EQ(refusal(ed25519_verify(
                key.public_key(), {},
                signature_with(
                    point("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")))),
            Errc::bad_signature);
}

TEST(EdwardsPoint, KnowsUsablePoints) {
  EXPECT_TRUE(is_usable_ed25519_point(point(kBasePoint)));
  EXPECT_TRUE(is_usable_ed25519_point(key_of_byte(0x06).public_key()));
  // y = 2 is on no point of the curve.
  EXPECT_FALSE(is_usable_ed25519_point(
      point("0200000000000000000000000000000000000000000000000000000000000000")));
}

TEST(EdwardsPoint, RefusesAllPointsOfSmallOrder) {
  for (std::string hex : {"0100000000000000000000000000000000000000000000000000000000000000",
                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "0000000000000000000000000000000000000000000000000000000000000000",
                          "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                          "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"}) {
    auto encoded = point(hex);
    EXPECT_FALSE(is_usable_ed25519_point(encoded)) << hex;
    encoded[31] |= 0x80;  // the other sign of x
    EXPECT_FALSE(is_usable_ed25519_point(encoded)) << hex;
  }
}

// Each y below 19 can also be written as p + y in 255 bits.
TEST(EdwardsPoint, RefusesNonCanonicalY) {
  int usable = 0;
  for (std::uint8_t y = 2; y < 19; ++y) {
    Ed25519Public canonical{y};
    Ed25519Public shifted;
    shifted.fill(0xFF);
    shifted[0] = static_cast<std::uint8_t>(0xED + y);
    shifted[31] = 0x7F;
    usable += is_usable_ed25519_point(canonical) ? 1 : 0;
    EXPECT_FALSE(is_usable_ed25519_point(shifted)) << int{y};
  }
  EXPECT_GT(usable, 0);
}

}  // namespace
}  // namespace confide::crypto
