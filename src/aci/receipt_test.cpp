#include "aci/receipt.h"

#include <algorithm>
#include <cctype>
#include <type_traits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"

namespace confide::aci {
namespace {

static_assert(!std::is_default_constructible_v<VerifiedReceipt>);

// Contract 4.2 and 4.5.
constexpr std::string_view kKeyset =
    R"({"e2ee_public_keys":[{"algo":"x25519-aes-256-gcm-hkdf-sha256","key_id":"e2ee-1","public_key":"5dfedd3b6bd47f6fa28ee15d969d5bb0ea53774d488bdaf9df1c6e0124b3ef22"}],"not_after":1800000000,"receipt_signing_keys":[{"algo":"ed25519","key_id":"receipt-1","public_key":"8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394"}],"subject":"dstack-app://example-app","tls_public_keys":[{"domain":"api.example.com","spki_sha256":"c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0"}]})";
constexpr std::string_view kRequest =
    R"({"messages":[{"content":"hi","role":"user"}],"model":"demo-model"})";
constexpr std::string_view kRequestHash =
    "sha256:94d809bf47380d8a2eab0eb6e126d4dda9364b0b4725cdf7ead52dd70b2aa87b";
constexpr std::string_view kResponse = R"({"choices":[],"id":"chatcmpl-123"})";
constexpr std::string_view kResponseHash =
    "sha256:dedfffe5b14d031b8e2c01996d021a15293cb7c63b56be7e4be9e89b6f0a5f61";
constexpr std::string_view kSigningInput =
    R"({"api_version":"aci/1","chat_id":"chatcmpl-123","endpoint":"/v1/chat/completions","event_log":[{"body_hash":"sha256:94d809bf47380d8a2eab0eb6e126d4dda9364b0b4725cdf7ead52dd70b2aa87b","type":"request.received"},{"body_hash":"sha256:94d809bf47380d8a2eab0eb6e126d4dda9364b0b4725cdf7ead52dd70b2aa87b","type":"request.forwarded"},{"model_id":"demo-model","required":true,"result":"verified","session_id":"95ad1cb4dd25445808c2e9d116caf420b05703730b506395e8fc1ca6faeae28f","type":"upstream.verified"},{"body_hash":"sha256:dedfffe5b14d031b8e2c01996d021a15293cb7c63b56be7e4be9e89b6f0a5f61","type":"response.returned"}],"key_id":"receipt-1","method":"POST","model":"demo-model","receipt_id":"rcpt-0001","served_at":1750000000,"workload_keyset_digest":"sha256:53a5cd44b30dcc51999754c719f2628a041f174ecbf9662a6f8e898a10cd9371"})";
constexpr std::string_view kServed =
    R"({"api_version":"aci/1","chat_id":"chatcmpl-123","endpoint":"/v1/chat/completions","event_log":[{"body_hash":"sha256:94d809bf47380d8a2eab0eb6e126d4dda9364b0b4725cdf7ead52dd70b2aa87b","type":"request.received"},{"body_hash":"sha256:94d809bf47380d8a2eab0eb6e126d4dda9364b0b4725cdf7ead52dd70b2aa87b","type":"request.forwarded"},{"model_id":"demo-model","required":true,"result":"verified","session_id":"95ad1cb4dd25445808c2e9d116caf420b05703730b506395e8fc1ca6faeae28f","type":"upstream.verified"},{"body_hash":"sha256:dedfffe5b14d031b8e2c01996d021a15293cb7c63b56be7e4be9e89b6f0a5f61","type":"response.returned"}],"key_id":"receipt-1","method":"POST","model":"demo-model","receipt_id":"rcpt-0001","served_at":1750000000,"signature":"d5b005e093bde3b577faf270b7184b09e169cacb0ecb206b103bd2581f997db03da616175454b063323a23ac1dc68f1ce506c2a6eba8aa0561d5e724f0b80c03","workload_keyset_digest":"sha256:53a5cd44b30dcc51999754c719f2628a041f174ecbf9662a6f8e898a10cd9371"})";

crypto::Ed25519Key key_of(std::uint8_t seed) {
  return crypto::Ed25519Key::from_seed(SecretBytes::copy_of(Bytes(32, seed))).value();
}

// The receipt that `document` makes with the signature it then needs.
std::string resigned(Json document, const crypto::Ed25519Key& key) {
  document.erase("signature");
  const std::string input = json::canonical(document).value();
  document["signature"] = to_hex(key.sign(as_bytes(input)));
  return document.dump();
}

class ReceiptTest : public ::testing::Test {
 protected:
  ReceiptTest() {
    fields_.receipt_id = "rcpt-0002";
    fields_.chat_id = "chatcmpl-7";
    fields_.model = "smol";
    fields_.workload_keyset_digest = keyset_.digest;
    fields_.endpoint = "/v1/chat/completions";
    fields_.served_at = from_unix(1750000001);
    fields_.request_hash = kRequestHash;
    fields_.forwarded_hash = kRequestHash;
    fields_.response_hash = kResponseHash;
    fields_.execution = Execution{.model_digest = crypto::sha256_tag(as_bytes("model")),
                                  .engine = "llama.cpp b1",
                                  .temperature = "0.7",
                                  .top_p = "0.95",
                                  .max_tokens = 64,
                                  .seed = 4294967295U,
                                  .prompt_tokens = 12,
                                  .completion_tokens = 34,
                                  .finish_reason = "stop"};
  }

  std::string signed_receipt() const { return sign_receipt(fields_, "receipt-1", key_).value(); }
  Json document() const { return json::parse(signed_receipt()).value(); }

  void expect_refused(std::string_view document, Errc code) const {
    const auto verified = verify_receipt(document, keyset_);
    ASSERT_FALSE(verified);
    EXPECT_EQ(verified.error().code, code) << verified.error().message;
  }
  // Properly signed, so that only the rule under test can refuse it.
  void expect_refused_though_signed(const Json& document, Errc code) const {
    SCOPED_TRACE(document.dump());
    expect_refused(resigned(document, key_), code);
  }

  ParsedKeyset keyset_ = parse_keyset(json::parse(kKeyset).value()).value();
  crypto::Ed25519Key key_ = key_of(0x02);
  ReceiptFields fields_;
};

TEST_F(ReceiptTest, Vector) {
  EXPECT_EQ(crypto::sha256_tag(as_bytes(kRequest)), kRequestHash);
  EXPECT_EQ(crypto::sha256_tag(as_bytes(kResponse)), kResponseHash);
  EXPECT_EQ(kSigningInput.size(), 814U);
  EXPECT_EQ(to_hex(crypto::sha256(as_bytes(kSigningInput))),
            "1bd328e6880a5a12b3915af95ea32111310e04ab9e21ac3d71ce268e33b965c9");
  Json served = json::parse(kServed).value();
  EXPECT_EQ(json::canonical(served).value(), kServed);
  EXPECT_EQ(json::canonical(json::parse(resigned(served, key_)).value()).value(), kServed);
  const auto verified = verify_receipt(kServed, keyset_).value();
  EXPECT_EQ(verified.request_hash(), kRequestHash);
  EXPECT_EQ(verified.response_hash(), kResponseHash);
  EXPECT_TRUE(verified.names_upstream());
  EXPECT_FALSE(verified.execution());
  served.erase("signature");
  EXPECT_EQ(json::canonical(served).value(), kSigningInput);
}

TEST_F(ReceiptTest, TheClientsNonceIsEchoedInAnEventOfItsOwn) {
  EXPECT_FALSE(verify_receipt(signed_receipt(), keyset_).value().client_nonce());
  fields_.client_nonce = std::string(64, '5');
  const auto verified = verify_receipt(signed_receipt(), keyset_).value();
  EXPECT_EQ(verified.client_nonce(), fields_.client_nonce);
  const Json event = document()["event_log"][1];
  EXPECT_EQ(event.size(), 2U);
  EXPECT_EQ(event["type"], "confide.sealed");
  EXPECT_EQ(event["client_nonce"], std::string(64, '5'));
}

TEST_F(ReceiptTest, TheSealedEventIsWellFormedAndStandsOnce) {
  fields_.client_nonce = std::string(64, '5');
  const Json good = document();
  for (const Json& bad :
       {Json(nullptr), Json(5), Json(std::string(64, 'A')), Json(""), Json(std::string(63, '5'))}) {
    Json document = good;
    document["event_log"][1]["client_nonce"] = bad;
    expect_refused_though_signed(document, Errc::malformed);
  }
  Json without = good;
  without["event_log"][1].erase("client_nonce");
  expect_refused_though_signed(without, Errc::malformed);
  Json twice = good;
  twice["event_log"].insert(twice["event_log"].begin() + 2, Json(good["event_log"][1]));
  expect_refused_though_signed(twice, Errc::malformed);
  Json late = good;
  late["event_log"].push_back(Json(good["event_log"][1]));
  late["event_log"].erase(1);
  expect_refused_though_signed(late, Errc::malformed);

  fields_.client_nonce = "short";
  EXPECT_EQ(sign_receipt(fields_, "receipt-1", key_).error().code, Errc::malformed);
}

TEST_F(ReceiptTest, SigningMakesTheBytesOfTheVectorWithoutItsUpstreamEvent) {
  fields_ = {.receipt_id = "rcpt-0001",
             .chat_id = "chatcmpl-123",
             .model = "demo-model",
             .workload_keyset_digest = keyset_.digest,
             .endpoint = "/v1/chat/completions",
             .served_at = from_unix(1750000000),
             .request_hash = std::string(kRequestHash),
             .forwarded_hash = std::string(kRequestHash),
             .response_hash = std::string(kResponseHash),
             .execution = std::nullopt};
  Json expected = json::parse(kSigningInput).value();
  expected["event_log"].erase(2);
  Json actual = document();
  actual.erase("signature");
  EXPECT_EQ(json::canonical(actual).value(), json::canonical(expected).value());
}

TEST_F(ReceiptTest, RoundTrip) {
  const auto verified = verify_receipt(signed_receipt(), keyset_).value();
  EXPECT_EQ(verified.request_hash(), kRequestHash);
  EXPECT_EQ(verified.response_hash(), kResponseHash);
  EXPECT_FALSE(verified.names_upstream());
  ASSERT_TRUE(verified.execution());
  const Execution& ran = *verified.execution();
  EXPECT_EQ(ran.model_digest, fields_.execution->model_digest);
  EXPECT_EQ(ran.engine, "llama.cpp b1");
  EXPECT_EQ(ran.temperature, "0.7");
  EXPECT_EQ(ran.top_p, "0.95");
  EXPECT_EQ(ran.max_tokens, 64);
  EXPECT_EQ(ran.seed, 4294967295U);
  EXPECT_EQ(ran.prompt_tokens, 12);
  EXPECT_EQ(ran.completion_tokens, 34);
  EXPECT_EQ(ran.finish_reason, "stop");
}

TEST_F(ReceiptTest, IsServedInCanonicalForm) {
  EXPECT_EQ(signed_receipt(), json::canonical(document()).value());
}

TEST_F(ReceiptTest, ARefusalHasNeitherForwardingNorExecution) {
  fields_.chat_id.reset();
  fields_.model.reset();
  fields_.forwarded_hash.reset();
  fields_.execution.reset();
  const Json receipt = document();
  EXPECT_EQ(receipt.at("event_log").size(), 2U);
  EXPECT_TRUE(receipt.at("chat_id").is_null());
  EXPECT_TRUE(verify_receipt(receipt.dump(), keyset_));
}

TEST_F(ReceiptTest, FormattingAndUnknownMembersDoNotMatter) {
  Json receipt = document();
  EXPECT_TRUE(verify_receipt(receipt.dump(2), keyset_));
  receipt["note"] = "unknown members are signed";
  receipt["event_log"].push_back({{"type", "vendor.note"}, {"body_hash", 7}});
  EXPECT_TRUE(verify_receipt(resigned(receipt, key_), keyset_));
  expect_refused(receipt.dump(), Errc::bad_signature);
}

TEST_F(ReceiptTest, AnyFlippedBitIsRefused) {
  const std::string good = signed_receipt();
  ASSERT_TRUE(verify_receipt(good, keyset_));
  // In each byte the bit that makes another digit, the one that makes another case, and one more.
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const std::size_t bit : {std::size_t{0}, std::size_t{5}, i % 8}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ static_cast<char>(1U << bit));
      EXPECT_FALSE(verify_receipt(bad, keyset_)) << "byte " << i << " bit " << bit;
    }
  }
}

TEST_F(ReceiptTest, WrongKey) {
  expect_refused(resigned(document(), key_of(0x09)), Errc::bad_signature);
}

TEST_F(ReceiptTest, TheKeyMustBeAReceiptKeyOfTheKeyset) {
  Json receipt = document();
  for (const char* id : {"receipt-2", "e2ee-1", ""}) {
    receipt["key_id"] = id;
    expect_refused_though_signed(receipt, Errc::mismatch);
  }
  receipt.erase("key_id");
  expect_refused_though_signed(receipt, Errc::malformed);
}

TEST_F(ReceiptTest, SignatureIsLowerHexOnly) {
  Json receipt = document();
  const std::string good = receipt.at("signature").get<std::string>();
  std::string upper = good;
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
  for (const std::string& bad : {upper, "0x" + good, good.substr(2), good + "00", std::string()}) {
    receipt["signature"] = bad;
    expect_refused(receipt.dump(), Errc::malformed);
  }
  receipt["signature"] = nullptr;
  expect_refused(receipt.dump(), Errc::malformed);
  receipt.erase("signature");
  expect_refused(receipt.dump(), Errc::malformed);
}

TEST_F(ReceiptTest, FloatsHaveNoCanonicalForm) {
  Json receipt = document();
  receipt["extra"] = 2.0;
  expect_refused(receipt.dump(), Errc::unsupported);
}

TEST_F(ReceiptTest, OtherVersionsAreNotOurs) {
  Json receipt = document();
  receipt["api_version"] = "aci/2";
  expect_refused_though_signed(receipt, Errc::unsupported);

  receipt = document();
  receipt["workload_id"] = "sha256:00";
  expect_refused_though_signed(receipt, Errc::unsupported);
  receipt = document();
  receipt["signature"] = {{"algo", "ed25519"}, {"key_id", "receipt-1"}, {"value", "00"}};
  expect_refused(receipt.dump(), Errc::unsupported);
}

TEST_F(ReceiptTest, MustBeOfTheAttestedKeyset) {
  Json receipt = document();
  receipt["workload_keyset_digest"] = crypto::sha256_tag(as_bytes("another"));
  expect_refused_though_signed(receipt, Errc::mismatch);
}

TEST_F(ReceiptTest, ShapeOfTheMembers) {
  const std::pair<const char*, Json> bad[] = {{"receipt_id", nullptr},
                                              {"chat_id", 7},
                                              {"model", false},
                                              {"endpoint", nullptr},
                                              {"method", "GET"},
                                              {"served_at", "now"},
                                              {"served_at", -1},
                                              {"event_log", "x"},
                                              {"event_log", Json::array()},
                                              {"event_log", Json::array({7})}};
  for (const auto& [name, value] : bad) {
    Json receipt = document();
    receipt[name] = value;
    expect_refused_though_signed(receipt, Errc::malformed);
    receipt.erase(name);
    expect_refused_though_signed(receipt, Errc::malformed);
  }
  expect_refused("[]", Errc::malformed);
  expect_refused("{", Errc::malformed);
}

TEST_F(ReceiptTest, TheFirstEventIsTheRequest) {
  Json receipt = document();
  std::swap(receipt["event_log"].front(), receipt["event_log"].back());
  expect_refused_though_signed(receipt, Errc::malformed);

  receipt = document();
  receipt["event_log"].insert(receipt["event_log"].begin(), Json{{"type", "vendor.note"}});
  expect_refused_though_signed(receipt, Errc::malformed);

  receipt = document();
  receipt["event_log"].erase(0);
  expect_refused_though_signed(receipt, Errc::malformed);
}

TEST_F(ReceiptTest, NoEventOfOursFollowsTheResponse) {
  for (std::size_t i = 1; i < 3; ++i) {
    Json receipt = document();
    Json& log = receipt["event_log"];
    std::swap(log[i], log.back());
    expect_refused_though_signed(receipt, Errc::malformed);
  }
}

TEST_F(ReceiptTest, NoKnownEventStandsTwice) {
  for (std::size_t i = 0; i < 4; ++i) {
    Json receipt = document();
    Json copy = receipt["event_log"][i];
    receipt["event_log"].insert(receipt["event_log"].begin() + 1, std::move(copy));
    expect_refused_though_signed(receipt, Errc::malformed);
  }
  Json receipt = json::parse(kServed).value();
  Json copy = receipt["event_log"][2];
  receipt["event_log"].insert(receipt["event_log"].begin() + 1, std::move(copy));
  expect_refused_though_signed(receipt, Errc::malformed);
}

TEST_F(ReceiptTest, AResponseMustBeThere) {
  Json receipt = document();
  receipt["event_log"].erase(3);
  expect_refused_though_signed(receipt, Errc::malformed);
}

TEST_F(ReceiptTest, BodyHashesAreDigests) {
  for (const char* hash : {"", "sha256:", "94d8", "sha256:94D8"}) {
    Json receipt = document();
    receipt["event_log"][3]["body_hash"] = hash;
    expect_refused_though_signed(receipt, Errc::malformed);
  }
}

TEST_F(ReceiptTest, ExecutionMembersAreIntegersAndText) {
  const std::pair<const char*, Json> bad[] = {
      {"model_digest", "abc"},   {"engine", 1},          {"temperature", 1},
      {"top_p", nullptr},        {"max_tokens", -1},     {"seed", -1},
      {"seed", 4294967296},      {"prompt_tokens", "1"}, {"completion_tokens", true},
      {"finish_reason", nullptr}};
  for (const auto& [name, value] : bad) {
    Json receipt = document();
    receipt["event_log"][2][name] = value;
    expect_refused_though_signed(receipt, Errc::malformed);
    receipt["event_log"][2].erase(name);
    expect_refused_though_signed(receipt, Errc::malformed);
  }
}

TEST_F(ReceiptTest, WhatWouldNotVerifyIsNotSigned) {
  const auto expect_unsigned = [&](const ReceiptFields& fields) {
    const auto receipt = sign_receipt(fields, "receipt-1", key_);
    ASSERT_FALSE(receipt);
    EXPECT_EQ(receipt.error().code, Errc::malformed);
  };
  ReceiptFields fields = fields_;
  fields.request_hash = "94d8";
  expect_unsigned(fields);
  fields = fields_;
  fields.response_hash.clear();
  expect_unsigned(fields);
  fields = fields_;
  fields.workload_keyset_digest = "none";
  expect_unsigned(fields);
  fields = fields_;
  fields.execution->model_digest.clear();
  expect_unsigned(fields);
}

}  // namespace
}  // namespace confide::aci
