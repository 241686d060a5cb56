#include "aci/keyset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"

namespace confide::aci {
namespace {

// Contract 4.2 and 4.3.
constexpr std::string_view kKeyset =
    R"({"e2ee_public_keys":[{"algo":"x25519-aes-256-gcm-hkdf-sha256","key_id":"e2ee-1","public_key":"5dfedd3b6bd47f6fa28ee15d969d5bb0ea53774d488bdaf9df1c6e0124b3ef22"}],"not_after":1800000000,"receipt_signing_keys":[{"algo":"ed25519","key_id":"receipt-1","public_key":"8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394"}],"subject":"dstack-app://example-app","tls_public_keys":[{"domain":"api.example.com","spki_sha256":"c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0"}]})";
constexpr std::string_view kDigest =
    "sha256:53a5cd44b30dcc51999754c719f2628a041f174ecbf9662a6f8e898a10cd9371";
constexpr std::string_view kNonce =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr std::string_view kReceiptKey =
    "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394";
constexpr std::string_view kX25519Key =
    "5dfedd3b6bd47f6fa28ee15d969d5bb0ea53774d488bdaf9df1c6e0124b3ef22";
constexpr std::string_view kSecpKey =
    "04462779ad4aad39514614751a71085f2f10e1c7a593e4e030efb5b8721ce55b0b199c07969f5442000bea455d72ae"
    "826a86bfac9089cb18152ed756ebb2a596f5";

Json sample() { return json::parse(kKeyset).value(); }

void expect_malformed(const Json& keyset) {
  const auto parsed = parse_keyset(keyset);
  ASSERT_FALSE(parsed) << keyset.dump();
  EXPECT_EQ(parsed.error().code, Errc::malformed) << parsed.error().message;
}

TEST(Keyset, DigestOfTheVector) {
  EXPECT_EQ(kKeyset.size(), 497U);
  EXPECT_EQ(json::canonical(sample()).value(), kKeyset);
  const auto parsed = parse_keyset(sample()).value();
  EXPECT_EQ(parsed.digest, kDigest);
  EXPECT_EQ(parsed.keyset.subject, "dstack-app://example-app");
  EXPECT_EQ(to_unix(parsed.keyset.not_after), 1800000000);
  ASSERT_NE(parsed.keyset.receipt_key("receipt-1"), nullptr);
  EXPECT_EQ(parsed.keyset.receipt_key("receipt-1")->public_key, kReceiptKey);
  EXPECT_EQ(parsed.keyset.receipt_key("e2ee-1"), nullptr);
}

TEST(Keyset, WhatWeWriteHasTheDigestOfTheVector) {
  Keyset keyset;
  keyset.subject = "dstack-app://example-app";
  keyset.not_after = from_unix(1800000000);
  keyset.receipt_signing_keys = {
      {"receipt-1", std::string(kAlgoEd25519), std::string(kReceiptKey)}};
  keyset.e2ee_public_keys = {{"e2ee-1", std::string(kSuiteX25519), std::string(kX25519Key)}};
  keyset.tls_public_keys = {{to_hex(Bytes(32, 0xc0)), "api.example.com"}};
  EXPECT_EQ(keyset_digest(keyset.to_json()).value(), kDigest);

  keyset.subject.reset();
  keyset.tls_public_keys[0].domain.reset();
  const Json json = keyset.to_json();
  EXPECT_TRUE(json.at("subject").is_null());
  EXPECT_FALSE(json.at("tls_public_keys")[0].contains("domain"));
  EXPECT_TRUE(parse_keyset(json));
}

TEST(Keyset, DigestCoversUnknownMembers) {
  Json keyset = sample();
  keyset["receipt_signing_keys"][0]["note"] = "x";
  const auto parsed = parse_keyset(keyset).value();
  EXPECT_NE(parsed.digest, kDigest);
  EXPECT_EQ(parsed.digest, keyset_digest(keyset).value());
}

constexpr std::string_view kConfigDigest =
    "sha256:c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1";

Json with_configurations(Json configurations) {
  Json keyset = sample();
  keyset["ohttp_key_configurations"] = std::move(configurations);
  return keyset;
}

TEST(Keyset, KeyConfigurationsAreReadAndWritten) {
  const Json json = with_configurations({{{"key_id", "1"}, {"digest", kConfigDigest}}});
  const auto parsed = parse_keyset(json).value();
  ASSERT_EQ(parsed.keyset.ohttp_key_configurations.size(), 1U);
  EXPECT_EQ(parsed.keyset.ohttp_key_configurations[0].key_id, "1");
  EXPECT_EQ(parsed.keyset.ohttp_key_configurations[0].digest, kConfigDigest);
  EXPECT_NE(parsed.digest, kDigest);
  EXPECT_EQ(keyset_digest(parsed.keyset.to_json()).value(), parsed.digest);
  EXPECT_TRUE(parse_keyset(sample()).value().keyset.ohttp_key_configurations.empty());
  EXPECT_FALSE(
      parse_keyset(sample()).value().keyset.to_json().contains("ohttp_key_configurations"));
}

TEST(Keyset, KeyConfigurationsAreStrict) {
  const Json good = {{"key_id", "1"}, {"digest", kConfigDigest}};
  for (const Json& bad :
       {Json(nullptr), Json("x"), Json::object(), Json::array({nullptr}),
        Json::array({{{"key_id", "1"}}}), Json::array({{{"digest", kConfigDigest}}}),
        Json::array({{{"key_id", 1}, {"digest", kConfigDigest}}}),
        Json::array({{{"key_id", "1"}, {"digest", kConfigDigest.substr(7)}}}),
        Json::array({{{"key_id", "1"}, {"digest", "sha256:" + std::string(64, 'C')}}}),
        Json::array({good, good})}) {
    expect_malformed(with_configurations(bad));
  }
}

TEST(Keyset, AKeyConfigurationIsSealedToOnlyIfListedAndItsKeyHasNoOtherRole) {
  Json json = with_configurations({{{"key_id", "1"}, {"digest", kConfigDigest}}});
  const std::string key = to_hex(Bytes(32, 0x09));
  const auto keyset = parse_keyset(json).value().keyset;
  EXPECT_TRUE(keyset.check_ohttp_key(kConfigDigest, key));
  const auto unlisted = keyset.check_ohttp_key("sha256:" + std::string(64, '0'), key);
  ASSERT_FALSE(unlisted);
  EXPECT_EQ(unlisted.error().code, Errc::mismatch);
  // The last: the key's SubjectPublicKeyInfo is listed under TLS.
  json["tls_public_keys"][0]["spki_sha256"] =
      to_hex(crypto::sha256(from_hex("302a300506032b656e032100" + key).value()));
  const auto tls = parse_keyset(json).value().keyset;
  for (const Status& shared : {keyset.check_ohttp_key(kConfigDigest, kX25519Key),
                               keyset.check_ohttp_key(kConfigDigest, kReceiptKey),
                               tls.check_ohttp_key(kConfigDigest, key)}) {
    ASSERT_FALSE(shared);
    EXPECT_EQ(shared.error().code, Errc::malformed);
  }
}

TEST(Keyset, EntriesOfUnknownAlgorithmAreKeptOutButHashed) {
  Json keyset = sample();
  keyset["receipt_signing_keys"].push_back(
      {{"key_id", "pq-1"}, {"algo", "ml-dsa-65"}, {"public_key", "00"}});
  const auto parsed = parse_keyset(keyset).value();
  EXPECT_EQ(parsed.keyset.receipt_signing_keys.size(), 1U);
  EXPECT_EQ(parsed.keyset.receipt_key("pq-1"), nullptr);
  EXPECT_NE(parsed.digest, kDigest);
}

TEST(Keyset, TakesBothSuites) {
  Json keyset = sample();
  keyset["e2ee_public_keys"].push_back(
      {{"key_id", "e2ee-2"}, {"algo", kSuiteSecp256k1}, {"public_key", kSecpKey}});
  EXPECT_EQ(parse_keyset(keyset).value().keyset.e2ee_public_keys.size(), 2U);
}

TEST(Keyset, RefusesMissingAndMistypedMembers) {
  for (const char* member :
       {"subject", "not_after", "receipt_signing_keys", "e2ee_public_keys", "tls_public_keys"}) {
    SCOPED_TRACE(member);
    Json keyset = sample();
    keyset.erase(member);
    expect_malformed(keyset);
    keyset[member] = true;
    expect_malformed(keyset);
  }
  for (const char* member : {"key_id", "algo", "public_key"}) {
    SCOPED_TRACE(member);
    Json keyset = sample();
    keyset["receipt_signing_keys"][0].erase(member);
    expect_malformed(keyset);
  }
  expect_malformed(Json::array());
  Json keyset = sample();
  keyset["tls_public_keys"][0]["domain"] = nullptr;
  expect_malformed(keyset);
}

TEST(Keyset, RefusesImplausibleExpiry) {
  for (const Json& value : {Json(0), Json(-1), Json(253402300800), Json(18446744073709551615U),
                            Json(1800000000.0), Json("1800000000")}) {
    Json keyset = sample();
    keyset["not_after"] = value;
    expect_malformed(keyset);
  }
}

TEST(Keyset, HexIsLowerCaseAndOfTheRightLength) {
  for (const std::string& key :
       {std::string("8139770EA87D175F56A35466C34C7ECCCB8D8A91B4EE37A25DF60F5B8FC9B394"),
        std::string(kReceiptKey.substr(2)), "0x" + std::string(kReceiptKey.substr(2)),
        std::string(kReceiptKey) + "00", std::string()}) {
    SCOPED_TRACE(key);
    Json keyset = sample();
    keyset["receipt_signing_keys"][0]["public_key"] = key;
    expect_malformed(keyset);
    keyset = sample();
    keyset["tls_public_keys"][0]["spki_sha256"] = key;
    expect_malformed(keyset);
  }
}

TEST(Keyset, Secp256k1KeysArePointsOf65Bytes) {
  const std::string off_curve = "04" + std::string(128, '1');
  const std::string hybrid =
      (kSecpKey.back() % 2 == 0 ? "06" : "07") + std::string(kSecpKey.substr(2));
  for (const std::string& key : {std::string(kSecpKey.substr(2)), off_curve, hybrid}) {
    Json keyset = sample();
    keyset["e2ee_public_keys"][0] = {
        {"key_id", "e2ee-2"}, {"algo", kSuiteSecp256k1}, {"public_key", key}};
    expect_malformed(keyset);
  }
}

TEST(Keyset, NoKeyHasTwoRoles) {
  Json keyset = sample();
  keyset["e2ee_public_keys"][0]["public_key"] = kReceiptKey;
  expect_malformed(keyset);

  // An entry that we do not understand must not lend its key either.
  keyset = sample();
  keyset["receipt_signing_keys"].push_back(
      {{"key_id", "other"}, {"algo", "unknown"}, {"public_key", kX25519Key}});
  expect_malformed(keyset);
}

TEST(Keyset, NoKeyIsATlsKeyToo) {
  const auto spki_of = [](std::string_view prefix, std::string_view key) {
    return to_hex(crypto::sha256(from_hex(std::string(prefix) + std::string(key)).value()));
  };
  Json keyset = sample();
  keyset["tls_public_keys"][0]["spki_sha256"] = spki_of("302a300506032b6570032100", kReceiptKey);
  expect_malformed(keyset);
  keyset["tls_public_keys"][0]["spki_sha256"] = spki_of("302a300506032b656e032100", kX25519Key);
  expect_malformed(keyset);
  keyset["tls_public_keys"][0]["spki_sha256"] = spki_of("302a300506032b656e032100", kReceiptKey);
  EXPECT_TRUE(parse_keyset(keyset));
}

TEST(Keyset, NoTwoEntriesOfARoleShareAnId) {
  Json keyset = sample();
  keyset["receipt_signing_keys"].push_back(
      {{"key_id", "receipt-1"}, {"algo", kAlgoEd25519}, {"public_key", std::string(64, 'a')}});
  expect_malformed(keyset);
}

TEST(Keyset, HasNoDigestIfItHasNoCanonicalForm) {
  Json keyset = sample();
  keyset["extra"] = 2.0;
  const auto parsed = parse_keyset(keyset);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, Errc::unsupported);
}

TEST(Keyset, ListsTlsByHost) {
  Keyset keyset;
  const std::string scoped = to_hex(Bytes(32, 0xc0));
  const std::string open = to_hex(Bytes(32, 0xd0));
  keyset.tls_public_keys = {{scoped, "API.example.com"}, {open, std::nullopt}};
  EXPECT_TRUE(keyset.lists_tls(scoped, "api.example.com"));
  EXPECT_TRUE(keyset.lists_tls(scoped, "Api.Example.Com."));
  EXPECT_FALSE(keyset.lists_tls(scoped, "example.com"));
  EXPECT_FALSE(keyset.lists_tls(scoped, ""));
  EXPECT_TRUE(keyset.lists_tls(open, "anything"));
  EXPECT_FALSE(keyset.lists_tls(to_hex(Bytes(32, 0xe0)), "api.example.com"));
}

TEST(Statement, OfTheVector) {
  const std::string with = statement(kDigest, std::string(kNonce));
  EXPECT_EQ(with.size(), 197U);
  EXPECT_EQ(
      with,
      R"({"keyset_digest":"sha256:53a5cd44b30dcc51999754c719f2628a041f174ecbf9662a6f8e898a10cd9371","nonce":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","purpose":"aci.report_data.v1"})");
  const auto data = report_data(kDigest, std::string(kNonce));
  EXPECT_EQ(to_hex(data), "df2174d28130852b413646a3786927b93e94c11d770268b65def8bdba45cb49e");
  EXPECT_EQ(
      to_hex(report_data_slot(data)),
      "df2174d28130852b413646a3786927b93e94c11d770268b65def8bdba45cb49e" + std::string(64, '0'));
}

TEST(Statement, WithoutNonce) {
  const std::string without = statement(kDigest, std::nullopt);
  EXPECT_EQ(without.size(), 135U);
  EXPECT_EQ(
      without,
      R"({"keyset_digest":"sha256:53a5cd44b30dcc51999754c719f2628a041f174ecbf9662a6f8e898a10cd9371","nonce":null,"purpose":"aci.report_data.v1"})");
  EXPECT_EQ(to_hex(report_data(kDigest, std::nullopt)),
            "0633919ca3f00e97bafaa3304278eb22420cc3ff0d19f87dfca2d3f7508150bc");
}

TEST(Nonce, Is64LowerHexDigits) {
  EXPECT_TRUE(is_nonce(kNonce));
  const std::string nonce(kNonce);
  for (const std::string& bad : {std::string(), nonce.substr(1), nonce + "0", nonce.substr(0, 32),
                                 "0x" + nonce, "0x" + nonce.substr(2), nonce.substr(0, 63) + "F",
                                 nonce.substr(0, 63) + "g", nonce.substr(0, 63) + " "}) {
    EXPECT_FALSE(is_nonce(bad)) << bad;
  }
}

TEST(Digest, IsTagAnd64LowerHexDigits) {
  EXPECT_TRUE(is_digest(kDigest));
  EXPECT_FALSE(is_digest(kDigest.substr(7)));
  EXPECT_FALSE(is_digest(kDigest.substr(0, 70)));
  EXPECT_FALSE(is_digest("SHA256:" + std::string(kDigest.substr(7))));
}

}  // namespace
}  // namespace confide::aci
