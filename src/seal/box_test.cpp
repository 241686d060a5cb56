#include "seal/box.h"

#include <cctype>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "seal/fields.h"

namespace confide::seal {
namespace {

// Contract 4.6 and 4.7.
constexpr std::string_view kX25519Aad =
    R"({"algo":"x25519-aes-256-gcm-hkdf-sha256","field":"messages.0.content","model":"demo-model","nonce":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","purpose":"aci.e2ee.request.v2","ts":1750000000})";
constexpr std::string_view kSecpAad =
    R"({"algo":"secp256k1-aes-256-gcm-hkdf-sha256","field":"messages.0.content","model":"demo-model","nonce":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","purpose":"aci.e2ee.request.v2","ts":1750000000})";
constexpr std::string_view kX25519Field =
    "50a61409b1ddd0325e9b16b700e719e9772c07000b1bd7786e907c653d20495d000102030405060708090a0b35e06c"
    "b03f8831605593e7f95129cf1fb8e818dfba";
constexpr std::string_view kSecpField =
    "0462c0a046dacce86ddd0343c6d3c7c79c2208ba0d9c9cf24a6d046d21d21f90f76d83f6a6ff2df8664ec7b804ab13"
    "62cc95403e4374d1819e0840bd8a8817800d000102030405060708090a0b795972046673c8a8d34feeeb2de394fcb9"
    "65f9c00b";
constexpr GcmNonce kGcmNonce = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

BoxKey key_of(Suite suite, std::uint8_t byte) {
  auto secret = SecretBytes::copy_of(Bytes(32, byte));
  if (suite == Suite::x25519) return crypto::X25519Key::from_scalar(std::move(secret)).value();
  return crypto::Secp256k1Key::from_scalar(std::move(secret)).value();
}

struct Vector {
  Suite suite;
  std::uint8_t service;
  std::string_view info;
  std::string_view aad;
  std::string_view field;

  BoxContext context() const { return {.info = info, .aad = aad}; }
};

class BoxTest : public ::testing::TestWithParam<Vector> {};

TEST_P(BoxTest, SealsAndOpensTheVector) {
  const Vector& v = GetParam();
  const BoxKey service = key_of(v.suite, v.service);
  EXPECT_EQ(seal_box(key_of(v.suite, 0x05), kGcmNonce, public_bytes(service), v.context(), "hello")
                .value(),
            v.field);
  EXPECT_EQ(open_box(service, v.context(), v.field).value(), "hello");
}

TEST_P(BoxTest, TakesUpperCaseAndPrefix) {
  const Vector& v = GetParam();
  const BoxKey service = key_of(v.suite, v.service);
  std::string upper(v.field);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_EQ(open_box(service, v.context(), upper).value(), "hello");
  EXPECT_EQ(open_box(service, v.context(), "0x" + upper).value(), "hello");
}

TEST_P(BoxTest, AnyFlippedBitIsRefused) {
  const Vector& v = GetParam();
  const BoxKey service = key_of(v.suite, v.service);
  const Bytes box = from_hex(v.field).value();
  for (std::size_t i = 0; i < box.size() * 8; ++i) {
    Bytes bad = box;
    bad[i / 8] = static_cast<std::uint8_t>(bad[i / 8] ^ (1U << (i % 8)));
    EXPECT_FALSE(open_box(service, v.context(), to_hex(bad))) << "bit " << i;
  }
}

TEST_P(BoxTest, OpensOnlyInItsContext) {
  const Vector& v = GetParam();
  const BoxKey service = key_of(v.suite, v.service);
  const auto expect_closed = [&](const BoxKey& key, const BoxContext& context) {
    const auto opened = open_box(key, context, v.field);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::bad_signature);
  };
  const std::string aad = std::string(v.aad) + " ";
  expect_closed(service, {.info = v.info, .aad = aad});
  expect_closed(service, {.info = "aci.e2ee.v3", .aad = v.aad});
  expect_closed(key_of(v.suite, 0x09), v.context());
}

TEST_P(BoxTest, RefusesWhatCannotBeAField) {
  const Vector& v = GetParam();
  const BoxKey service = key_of(v.suite, v.service);
  const std::string field(v.field);
  const std::size_t empty_box = (public_bytes(service).size() + 12 + 16) * 2;
  for (const std::string& bad : {std::string(), std::string("hello"), field.substr(1),
                                 field.substr(0, empty_box - 2), field + "0", " " + field}) {
    const auto opened = open_box(service, v.context(), bad);
    ASSERT_FALSE(opened) << bad;
    EXPECT_EQ(opened.error().code, Errc::malformed);
  }
}

TEST_P(BoxTest, CarriesTextOnly) {
  const Vector& v = GetParam();
  const BoxKey service = key_of(v.suite, v.service);
  const auto carry = [&](std::string_view plaintext) {
    const auto field = seal_box(generate_box_key(v.suite), kGcmNonce, public_bytes(service),
                                v.context(), plaintext);
    return open_box(service, v.context(), field.value());
  };
  for (const std::string_view good : {"", "a", "ä", "€", "\xf0\x9f\x94\x92", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(carry(good).value(), good);
  }
  for (const std::string_view bad :
       {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xff", "\xe2\x82"}) {
    const auto opened = carry(bad);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::malformed);
  }
}

INSTANTIATE_TEST_SUITE_P(Suites, BoxTest,
                         ::testing::Values(Vector{Suite::x25519, 0x03, "aci.e2ee.v2.x25519",
                                                  kX25519Aad, kX25519Field},
                                           Vector{Suite::secp256k1, 0x04, "aci.e2ee.v2.secp256k1",
                                                  kSecpAad, kSecpField}),
                         [](const auto& info) {
                           return info.param.suite == Suite::x25519 ? std::string("x25519")
                                                                    : std::string("secp256k1");
                         });

TEST(BoxKeys, PublicKeysOfTheVectors) {
  EXPECT_EQ(to_hex(public_bytes(key_of(Suite::x25519, 0x03))),
            "5dfedd3b6bd47f6fa28ee15d969d5bb0ea53774d488bdaf9df1c6e0124b3ef22");
  EXPECT_EQ(to_hex(public_bytes(key_of(Suite::secp256k1, 0x04))),
            "04462779ad4aad39514614751a71085f2f10e1c7a593e4e030efb5b8721ce55b0b199c07969f5442000bea"
            "455d72ae826a86bfac9089cb18152ed756ebb2a596f5");
}

TEST(BoxKeys, SpellingsOfOneKey) {
  const std::string secp = to_hex(public_bytes(key_of(Suite::secp256k1, 0x04)));
  const Bytes expected = from_hex(secp).value();
  std::string upper = secp;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  for (const std::string& spelling :
       std::vector<std::string>{secp, "0x" + secp, secp.substr(2), "0x" + secp.substr(2), upper}) {
    EXPECT_EQ(parse_public(Suite::secp256k1, spelling).value(), expected);
  }
  const std::string x = to_hex(public_bytes(key_of(Suite::x25519, 0x03)));
  EXPECT_EQ(parse_public(Suite::x25519, "0x" + x).value(), from_hex(x).value());
}

TEST(BoxKeys, RefusesOtherSpellings) {
  const std::string secp = to_hex(public_bytes(key_of(Suite::secp256k1, 0x04)));
  const std::string hybrid = "07" + secp.substr(2);  // Y is odd
  const std::string compressed = "03" + secp.substr(2, 64);
  for (const std::string& bad : {hybrid, compressed, "04" + std::string(128, '1'), std::string(),
                                 std::string("0x"), "0X" + secp, secp + "00"}) {
    const auto parsed = parse_public(Suite::secp256k1, bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, Errc::malformed);
  }
  const std::string x = to_hex(public_bytes(key_of(Suite::x25519, 0x03)));
  for (const std::string& bad : {x.substr(2), x + "00", x.substr(0, 62) + "a2", secp}) {
    const auto parsed = parse_public(Suite::x25519, bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, Errc::malformed);
  }
}

TEST(BoxKeys, NothingIsSealedToAKeyOfLowOrder) {
  for (const std::uint8_t u : Bytes{0, 1}) {
    Bytes low(32);
    low[0] = u;
    const auto sealed = seal_box(generate_box_key(Suite::x25519), kGcmNonce, low, {}, "hello");
    ASSERT_FALSE(sealed);
    EXPECT_EQ(sealed.error().code, Errc::malformed);
  }
}

TEST(BoxKeys, NothingIsSealedToAKeyOfTheOtherSuite) {
  const auto sealed = seal_box(generate_box_key(Suite::x25519), kGcmNonce,
                               public_bytes(key_of(Suite::secp256k1, 4)), {}, "hello");
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error().code, Errc::malformed);
}

TEST(Aad, Vectors) {
  Binding binding{.suite = Suite::x25519,
                  .model = "demo-model",
                  .nonce = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
                  .timestamp = 1750000000};
  EXPECT_EQ(request_aad(binding, "messages.0.content"), kX25519Aad);
  EXPECT_EQ(
      response_aad(binding, "choices.0.message.content", "chatcmpl-123"),
      R"({"algo":"x25519-aes-256-gcm-hkdf-sha256","field":"choices.0.message.content","id":"chatcmpl-123","model":"demo-model","nonce":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","purpose":"aci.e2ee.response.v2","ts":1750000000})");
  binding.suite = Suite::secp256k1;
  EXPECT_EQ(request_aad(binding, "messages.0.content"), kSecpAad);
}

TEST(Aad, IsCanonicalWhateverTheModelIsCalled) {
  const Binding binding{
      .suite = Suite::x25519, .model = "m\"\\\n\x01 ü", .nonce = "AB", .timestamp = 1};
  for (const std::string& aad : {request_aad(binding, "f"), response_aad(binding, "f", "i\"d")}) {
    EXPECT_EQ(json::canonical(json::parse(aad).value()).value(), aad);
  }
}

}  // namespace
}  // namespace confide::seal
