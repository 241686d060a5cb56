#include "aci/session.h"

#include <gtest/gtest.h>

namespace confide::aci {
namespace {

// Contract 4.4.
constexpr std::string_view kDocument =
    R"({"api_version":"aci/1","channel_binding":[{"origin":"https://upstream.example.com","spki_sha256":"d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1","type":"tls_spki_sha256"}],"claims":{"extra":{"gpu_arch":"HOPPER","tcb_status":"UpToDate"},"gpu_attested":{"status":"unknown"},"model_weights_provenance":{"status":"unknown"},"os_known_good":{"status":"unknown"},"serving_software_known_good":{"status":"unknown"},"tcb_up_to_date":{"status":"unknown"},"tee_attested":{"reason":"example quote verified","source":"hardware_proven","status":"asserted"}},"endpoint":"https://upstream.example.com","established_at":1750000000,"evidence":{"data":"data:text/plain;base64,ZXhhbXBsZS1ldmlkZW5jZQ==","digest":"sha256:80d70e44d0ae1e829fd5f37c3ee4a60dfbea8d3aa18407ea3f34cf7ec91da34d"},"expires_at":1750003600,"upstream_name":"demo-upstream","verifier_id":"example/1"})";
constexpr std::string_view kId = "95ad1cb4dd25445808c2e9d116caf420b05703730b506395e8fc1ca6faeae28f";

Json sample() { return json::parse(kDocument).value(); }

void expect_refused(const Json& document, std::string_view id, std::int64_t at, Errc code) {
  const Status status = check_session(document, id, from_unix(at));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, code) << status.error().message;
}

TEST(Session, Vector) {
  EXPECT_EQ(kDocument.size(), 869U);
  EXPECT_EQ(json::canonical(sample()).value(), kDocument);
  EXPECT_EQ(session_id(sample()).value(), kId);
  EXPECT_EQ(session_evidence("text/plain", as_bytes("example-evidence")).at("data"),
            sample().at("evidence").at("data"));
  EXPECT_EQ(session_evidence("text/plain", as_bytes("example-evidence")).at("digest"),
            sample().at("evidence").at("digest"));
}

TEST(Session, HoldsInItsWindow) {
  EXPECT_TRUE(check_session(sample(), kId, from_unix(1750000000)));
  EXPECT_TRUE(check_session(sample(), kId, from_unix(1750003600)));
  expect_refused(sample(), kId, 1749999999, Errc::expired);
  expect_refused(sample(), kId, 1750003601, Errc::expired);
}

TEST(Session, IsNamedByItsDigest) {
  Json document = sample();
  document["claims"]["tee_attested"]["status"] = "refuted";
  expect_refused(document, kId, 1750000000, Errc::mismatch);
}

TEST(Session, EvidenceHashesToItsDigest) {
  Json document = sample();
  document["evidence"]["data"] = "data:text/plain;base64,ZXhhbXBsZS1ldmlkZW5jZA==";
  expect_refused(document, session_id(document).value(), 1750000000, Errc::mismatch);
  for (const char* data : {"", "data:text/plain,x", "text/plain;base64,ZXg=",
                           "data:text/plain;base64,ZXg", "data:text/plain;base64,*"}) {
    document["evidence"]["data"] = data;
    expect_refused(document, session_id(document).value(), 1750000000, Errc::malformed);
  }
  document["evidence"] = Json::object();
  expect_refused(document, session_id(document).value(), 1750000000, Errc::malformed);
}

TEST(Session, HasNoIdWithoutACanonicalForm) {
  Json document = sample();
  document["claims"]["extra"]["score"] = 0.5;
  ASSERT_FALSE(session_id(document));
  EXPECT_EQ(session_id(document).error().code, Errc::unsupported);
}

TEST(Session, RefusesAForeignVersion) {
  Json document = sample();
  document["api_version"] = "aci/2";
  expect_refused(document, kId, 1750000000, Errc::unsupported);
}

}  // namespace
}  // namespace confide::aci
