#include "crypto/secp256k1.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/testing.h"

namespace confide::crypto {
namespace {

// Contract 4.7: the text that the legacy surface signs.
constexpr std::string_view kText =
    "94d809bf47380d8a2eab0eb6e126d4dda9364b0b4725cdf7ead52dd70b2aa87b:"
    "dedfffe5b14d031b8e2c01996d021a15293cb7c63b56be7e4be9e89b6f0a5f61";

constexpr std::string_view kOrder =
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

Secp256k1Key key_of_byte(std::uint8_t byte) {
  return Secp256k1Key::from_scalar(SecretBytes::copy_of(Bytes(32, byte))).value();
}

std::string agreed(const Secp256k1Key& key, const Secp256k1Public& peer) {
  return to_hex(key.agree_x(peer).value().reveal());
}

TEST(Secp256k1, ContractVectors) {
  const Secp256k1Key service = key_of_byte(0x04);
  const Secp256k1Key ephemeral = key_of_byte(0x05);
  EXPECT_EQ(to_hex(service.public_key()),
            "04462779ad4aad39514614751a71085f2f10e1c7a593e4e030efb5b8721ce55b0b199c07969f5442000bea"
            "455d72ae826a86bfac9089cb18152ed756ebb2a596f5");
  EXPECT_EQ(to_hex(ephemeral.public_key()),
            "0462c0a046dacce86ddd0343c6d3c7c79c2208ba0d9c9cf24a6d046d21d21f90f76d83f6a6ff2df8664ec7"
            "b804ab1362cc95403e4374d1819e0840bd8a8817800d");
  constexpr auto kShared = "c2c043b455f384ffcca06d2c0c8cbb4bb435bc6f6725ff6b20ff30fbdcf8f703";
  EXPECT_EQ(agreed(service, ephemeral.public_key()), kShared);
  EXPECT_EQ(agreed(ephemeral, service.public_key()), kShared);
}

TEST(Secp256k1, TakesThreeEncodingsOfAPoint) {
  const Secp256k1Public key = key_of_byte(0x04).public_key();
  Bytes compressed = {static_cast<std::uint8_t>(2U + (key[64] & 1U))};
  append(compressed, ByteView(key).subspan(1, 32));
  EXPECT_EQ(parse_secp256k1_public(key).value(), key);
  EXPECT_EQ(parse_secp256k1_public(ByteView(key).subspan(1)).value(), key);
  EXPECT_EQ(parse_secp256k1_public(compressed).value(), key);
}

TEST(Secp256k1, RefusesWhatIsNoPoint) {
  const Secp256k1Public key = key_of_byte(0x04).public_key();
  auto off_curve = key;
  off_curve[64] ^= 1;
  auto hybrid = key;
  hybrid[0] = static_cast<std::uint8_t>(6U + (key[64] & 1U));
  auto infinity = Secp256k1Public{};
  EXPECT_EQ(refusal(parse_secp256k1_public(off_curve)), Errc::malformed);
  EXPECT_EQ(refusal(parse_secp256k1_public(ByteView(off_curve).subspan(1))), Errc::malformed);
  EXPECT_EQ(refusal(parse_secp256k1_public(hybrid)), Errc::malformed);
  EXPECT_EQ(refusal(parse_secp256k1_public(infinity)), Errc::malformed);
  EXPECT_EQ(refusal(parse_secp256k1_public(ByteView(key).first(33))), Errc::malformed);
  for (const std::size_t size : {0U, 1U, 32U, 63U, 66U}) {
    EXPECT_EQ(refusal(parse_secp256k1_public(Bytes(size, 0x04))), Errc::malformed) << size;
  }
  EXPECT_EQ(refusal(key_of_byte(0x05).agree_x(off_curve)), Errc::malformed);
}

TEST(Secp256k1, RefusesScalarsOutOfRange) {
  EXPECT_EQ(refusal(Secp256k1Key::from_scalar(SecretBytes(32))), Errc::malformed);
  EXPECT_EQ(refusal(Secp256k1Key::from_scalar(SecretBytes::copy_of(*from_hex(kOrder)))),
            Errc::malformed);
  EXPECT_EQ(refusal(Secp256k1Key::from_scalar(SecretBytes::copy_of(Bytes(31, 1)))),
            Errc::malformed);
  EXPECT_EQ(refusal(Secp256k1Key::from_scalar(SecretBytes::copy_of(Bytes(33, 1)))),
            Errc::malformed);
}

TEST(Secp256k1, GeneratedKeysAgree) {
  const Secp256k1Key a = Secp256k1Key::generate();
  const Secp256k1Key b = Secp256k1Key::generate();
  EXPECT_NE(a.public_key(), b.public_key());
  EXPECT_EQ(agreed(a, b.public_key()), agreed(b, a.public_key()));
}

TEST(Eip191, ContractVectors) {
  const Secp256k1Key key = key_of_byte(0x04);
  EXPECT_EQ(to_hex(eip191_digest(kText)),
            "f99517671b45934b9b99809245208cf76f9ad951d090cf2d01c8bf02bd5058e8");
  const EthSignature signature = key.sign_eip191(kText);
  EXPECT_EQ(to_hex(signature),
            "829735730033f0e45c63abd607e6938feddc9d95d0292b6cde2dcdc213aa4cda14ba94dcaa30e7b4459288"
            "c9e01f6c6ea648ed9cc46729576a191370c03876ca1b");
  EXPECT_EQ(recover_eip191(kText, signature).value(), key.public_key());
}

TEST(Eip191, OtherTextsRecoverOtherKeys) {
  const Secp256k1Key key = key_of_byte(0x04);
  const auto recovered = recover_eip191("something else", key.sign_eip191(kText));
  EXPECT_TRUE(!recovered || *recovered != key.public_key());
  EXPECT_EQ(recover_eip191("", key.sign_eip191("")).value(), key.public_key());
}

TEST(Eip191, RefusesForeignV) {
  const EthSignature good = key_of_byte(0x04).sign_eip191(kText);
  for (const int v : {0, 1, 26, 29, 30, 35, 255}) {
    EthSignature bad = good;
    bad[64] = static_cast<std::uint8_t>(v);
    EXPECT_EQ(refusal(recover_eip191(kText, bad)), Errc::bad_signature) << v;
  }
}

TEST(Eip191, RefusesZeroAndOverflowingNumbers) {
  EthSignature bad{};
  bad[64] = 27;
  EXPECT_EQ(refusal(recover_eip191(kText, bad)), Errc::bad_signature);
  std::ranges::fill(bad, std::uint8_t{0xFF});
  bad[64] = 27;
  EXPECT_EQ(refusal(recover_eip191(kText, bad)), Errc::bad_signature);
}

// The order minus s, with the other v, recovers the same key: a second signature for one text.
TEST(Eip191, RefusesHighS) {
  EthSignature bad = key_of_byte(0x04).sign_eip191(kText);
  const Bytes order = from_hex(kOrder).value();
  int borrow = 0;
  for (std::size_t i = 32; i-- > 0;) {
    const int difference = order[i] - bad[32 + i] - borrow;
    borrow = difference < 0 ? 1 : 0;
    bad[32 + i] = static_cast<std::uint8_t>(difference);
  }
  bad[64] = static_cast<std::uint8_t>(55 - bad[64]);
  EXPECT_EQ(refusal(recover_eip191(kText, bad)), Errc::bad_signature);
}

TEST(EthAddress, ContractVector) {
  const EthAddress address = eth_address(key_of_byte(0x04).public_key());
  EXPECT_EQ(to_hex(address), "c48b812bb43401392c037381aca934f4069c0517");
  EXPECT_EQ(to_eip55(address), "0xc48B812bB43401392c037381AcA934F4069C0517");
}

// The examples of EIP-55 itself.
TEST(EthAddress, Eip55Examples) {
  for (const char* text :
       {"0x52908400098527886E0F7030069857D2E4169EE7", "0xde709f2102306220921060314715629080e2fb77",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"}) {
    const auto address = from_hex_array<20>(std::string_view(text).substr(2), HexCase::any);
    EXPECT_EQ(to_eip55(address.value()), text);
  }
}

}  // namespace
}  // namespace confide::crypto
