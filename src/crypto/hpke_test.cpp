#include "crypto/hpke.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <string>
#include <vector>

#include "base/testing.h"

namespace confide::crypto {
namespace {

constexpr std::string_view kPlaintext = "Beauty is truth, truth beauty";

struct Sealed {
  unsigned number;  // the associated data is "Count-" and this
  std::string_view ciphertext;
};

struct Vector {
  std::string_view name;
  Aead aead;
  std::string_view recipient_secret, ephemeral_secret, enc;
  std::vector<Sealed> messages;
  std::array<std::string_view, 3> exports;  // for contexts "", 00 and "TestContext"
};

// RFC 9180, appendices A.1.1 and A.2.1; AES-256-GCM with X25519 is in the test vectors published
// with the RFC and not in its text.
const std::vector<Vector> kVectors = {
    {"aes128",
     Aead::aes_128_gcm,
     "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
     "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736",
     "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
     {{0,
       "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512"
       "a"},
      {1,
       "af2d7e9ac9ae7e270f46ba1f975be53c09f8d875bdc8535458c2494e8a6eab251c03d0c22a56b8ca42c2063b8"
       "4"},
      {2,
       "498dfcabd92e8acedc281e85af1cb4e3e31c7dc394a1ca20e173cb72516491588d96a19ad4a683518973dcc18"
       "0"},
      {4,
       "583bd32bc67a5994bb8ceaca813d369bca7b2a42408cddef5e22f880b631215a09fc0012bc69fccaa251c0246"
       "d"},
      {255,
       "7175db9717964058640a3a11fb9007941a5d1757fda1a6935c805c21af32505bf106deefec4a49ac38d71c9e0"
       "a"},
      {256,
       "957f9800542b0b8891badb026d79cc54597cb2d225b54c00c5238c25d05c30e3fbeda97d2e0e1aba483a2df9f"
       "2"}},
     {"3853fe2b4035195a573ffc53856e77058e15d9ea064de3e59f4961d0095250ee",
      "2e8f0b54673c7029649d4eb9d5e33bf1872cf76d623ff164ac185da9e88c21a5",
      "e9e43065102c3836401bed8c3c3c75ae46be1639869391d62c61f1ec7af54931"}},
    {"aes256",
     Aead::aes_256_gcm,
     "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d",
     "179d4b53b6365c45b600c4163b61d95cbc2f4d9e36f1695558dce265ab8bab11",
     "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256",
     {{0,
       "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7"
       "a"},
      {1,
       "2c43aff25343fdbff864506f0818b9d87df84ea01b1a2144d23b4d40c26bf655fdf197fe40297a8aebeed5cc2"
       "d"},
      {256,
       "53624f4f9f173453b14e633b45390ff54cacaa4428d44baee1bff8133fab1ab3afe60f88e4634b525c54e92ed"
       "a"}},
     {"ded6cffafaea6b812cbf3e241e88332adbc077aca81512914213810ee291770a",
      "04d3cb6cc116b28ffd22ad5bc276c60d31fec71ceb87ae24db811c64b7507339",
      "7c5ded445732c14fe09727d29b4251c0fd38455fe8440571e687f0886aac94d2"}},
    {"chacha20",
     Aead::chacha20_poly1305,
     "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb",
     "f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600",
     "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a",
     {{0,
       "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a2"
       "8"},
      {1,
       "6b53c051e4199c518de79594e1c4ab18b96f081549d45ce015be002090bb119e85285337cc95ba5f59992dc98"
       "c"},
      {2,
       "71146bd6795ccc9c49ce25dda112a48f202ad220559502cef1f34271e0cb4b02b4f10ecac6f48c32f878fae86"
       "b"},
      {4,
       "63357a2aa291f5a4e5f27db6baa2af8cf77427c7c1a909e0b37214dd47db122bb153495ff0b02e9e54a50dbe1"
       "6"},
      {255,
       "18ab939d63ddec9f6ac2b60d61d36a7375d2070c9b683861110757062c52b8880a5f6b3936da9cd6c23ef2a95"
       "c"},
      {256,
       "7a4a13e9ef23978e2c520fd4d2e757514ae160cd0cd05e556ef692370ca53076214c0c40d4c728d6ed9e727a5"
       "b"}},
     {"4bbd6243b8bb54cec311fac9df81841b6fd61f56538a775e7c80a9f40160606e",
      "8c1df14732580e5501b00f82b10a1647b40713191b7c1240ac80e2b68808ba69",
      "5acb09211139c43b3090489a9da433e8a30ee7188ba8b0a9a1ccf0c229283e53"}},
};

X25519Key key(std::string_view scalar) {
  return X25519Key::from_scalar(SecretBytes::copy_of(from_hex(scalar).value())).value();
}

class HpkeVector : public ::testing::TestWithParam<Vector> {
 protected:
  const Bytes info_ = to_bytes(as_bytes("Ode on a Grecian Urn"));
  const X25519Key recipient_ = key(GetParam().recipient_secret);

  HpkeSender sender() const {
    return HpkeSender::start(recipient_.public_key(), GetParam().aead, info_,
                             key(GetParam().ephemeral_secret))
        .value();
  }
  HpkeReceiver receiver() const {
    const auto enc = from_hex_array<32>(GetParam().enc).value();
    return HpkeReceiver::start(recipient_, enc, GetParam().aead, info_).value();
  }
};

TEST_P(HpkeVector, MessagesAreTheRfcs) {
  auto sending = sender();
  auto receiving = receiver();
  EXPECT_EQ(to_hex(sending.enc()), GetParam().enc);
  auto expected = GetParam().messages.begin();
  for (unsigned i = 0; i <= 256; ++i) {
    const std::string aad = "Count-" + std::to_string(i);
    const Bytes sealed = sending.seal(as_bytes(aad), as_bytes(kPlaintext)).value();
    if (expected != GetParam().messages.end() && expected->number == i) {
      EXPECT_EQ(to_hex(sealed), expected->ciphertext) << i;
      ++expected;
    }
    EXPECT_EQ(as_text(receiving.open(as_bytes(aad), sealed).value()), kPlaintext) << i;
  }
  EXPECT_EQ(expected, GetParam().messages.end());
}

TEST_P(HpkeVector, ExportsAreTheRfcs) {
  using namespace std::string_view_literals;
  const std::array contexts{""sv, "\0"sv, "TestContext"sv};
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    EXPECT_EQ(to_hex(sender().export_secret(contexts[i], 32).reveal()), GetParam().exports[i]);
    EXPECT_EQ(to_hex(receiver().export_secret(contexts[i], 32).reveal()), GetParam().exports[i]);
  }
}

TEST_P(HpkeVector, WhatIsNotTheNextMessageDoesNotOpen) {
  auto sending = sender();
  auto receiving = receiver();
  const Bytes first = sending.seal({}, as_bytes("one")).value();
  const Bytes second = sending.seal({}, as_bytes("two")).value();
  EXPECT_EQ(refusal(receiving.open({}, second)), Errc::bad_signature);
  EXPECT_EQ(refusal(receiving.open(as_bytes("final"), first)), Errc::bad_signature);
  EXPECT_EQ(refusal(receiving.open({}, ByteView(first).first(15))), Errc::malformed);
  // A message that did not open used up no number.
  EXPECT_EQ(as_text(receiving.open({}, first).value()), "one");
  EXPECT_EQ(refusal(receiving.open({}, first)), Errc::bad_signature);
  EXPECT_EQ(as_text(receiving.open({}, second).value()), "two");
}

TEST_P(HpkeVector, TheInfoIsBound) {
  const Bytes sealed = sender().seal({}, as_bytes("one")).value();
  const auto enc = from_hex_array<32>(GetParam().enc).value();
  auto other = HpkeReceiver::start(recipient_, enc, GetParam().aead, as_bytes("other")).value();
  EXPECT_EQ(refusal(other.open({}, sealed)), Errc::bad_signature);
}

INSTANTIATE_TEST_SUITE_P(Rfc9180, HpkeVector, ::testing::ValuesIn(kVectors),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Hpke, PointsOfLowOrderAreRefused) {
  const X25519Key own = X25519Key::generate();
  X25519Public one{};
  one[0] = 1;
  for (const X25519Public& low : {X25519Public{}, one}) {
    EXPECT_EQ(refusal(HpkeReceiver::start(own, low, Aead::aes_128_gcm, {})), Errc::malformed);
    EXPECT_EQ(refusal(HpkeSender::start(low, Aead::aes_128_gcm, {})), Errc::malformed);
  }
}

// X25519 ignores the top bit of a point; the key schedule does not.
TEST(Hpke, AnotherSpellingOfTheEncapsulatedKeyDoesNotOpen) {
  const X25519Key own = X25519Key::generate();
  auto sending = HpkeSender::start(own.public_key(), Aead::aes_128_gcm, {}).value();
  const Bytes sealed = sending.seal({}, as_bytes("one")).value();
  X25519Public enc = sending.enc();
  enc[31] ^= 0x80;
  auto receiving = HpkeReceiver::start(own, enc, Aead::aes_128_gcm, {}).value();
  EXPECT_EQ(refusal(receiving.open({}, sealed)), Errc::bad_signature);
}

TEST(AeadSequence, EndsBeforeANonceCouldComeAgain) {
  constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max() - 1;
  const SecretBytes secret(32);
  AeadSequence sealing(Aead::aes_256_gcm, secret, {}, kLast);
  AeadSequence opening(Aead::aes_256_gcm, secret, {}, kLast);
  const Bytes sealed = sealing.seal({}, as_bytes("last")).value();
  EXPECT_EQ(as_text(opening.open({}, sealed).value()), "last");
  EXPECT_EQ(refusal(sealing.seal({}, as_bytes("more"))), Errc::limit);
  EXPECT_EQ(refusal(opening.open({}, sealed)), Errc::limit);
}

}  // namespace
}  // namespace confide::crypto
