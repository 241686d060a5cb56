#include "verify/rim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "verify/testing/gpu_lab.h"

namespace confide::verify {
namespace {

using ::testing::ElementsAre;
using testing::GpuLab;
using ::testing::HasSubstr;

struct Outcome {
  Verdict verdict;
  Result<evidence::Rim> rim = fail(Errc::internal, "not run");
};

Outcome judge(const GpuLab& lab, const std::string& xml, const Policy& policy,
              const std::vector<Bytes>& ocsp = {}) {
  Outcome out;
  out.rim = verify_rim(xml, ocsp, policy, lab.at, out.verdict);
  EXPECT_EQ(out.rim.has_value(), out.verdict.passed());
  return out;
}
Outcome judge(const GpuLab& lab, const std::string& xml) { return judge(lab, xml, lab.policy()); }

void expect_failure(const Outcome& outcome, const std::string& id, Errc code,
                    const std::string& reason) {
  ASSERT_EQ(refusal(outcome.rim), code);
  EXPECT_EQ(outcome.verdict.first_failure()->id, id);
  EXPECT_THAT(outcome.verdict.first_failure()->detail, HasSubstr(reason));
}

// The RIM's half of a lab's answers.
std::vector<Bytes> answers(const GpuLab& lab, const std::string& xml) {
  return lab.ocsp(lab.evidence(), xml);
}

TEST(VerifyRim, AManifestPassesByItself) {
  const GpuLab lab;
  const Outcome out = judge(lab, lab.rim(lab.driver_rim));
  ASSERT_TRUE(out.rim) << out.rim.error().message;
  EXPECT_EQ(out.rim->version, "599.01");
  std::vector<std::string> ids;
  for (const Check& check : out.verdict.checks()) ids.push_back(check.id);
  EXPECT_THAT(ids, ElementsAre("rim.parse", "rim.signature", "rim.chain", "rim.ocsp"));
  EXPECT_EQ(out.verdict.checks().back().status, CheckStatus::skip);
  EXPECT_TRUE(out.verdict.simulated);
  const Json& claims = out.verdict.claims;
  EXPECT_EQ(claims.at("product"), "GH100");
  EXPECT_EQ(claims.at("kind"), "driver");
  EXPECT_EQ(claims.at("resources"), 10);
  EXPECT_EQ(claims.at("active").size(), 10U);
  EXPECT_EQ(claims.at("active").at("7").at("size"), 48);
  EXPECT_EQ(claims.at("signer_chain").size(), 4U);
  EXPECT_EQ(claims.at("xmldsig_ok"), true);
  EXPECT_EQ(claims.at("chain_ok"), true);
  EXPECT_EQ(claims.at("findings"), Json::array());
}

TEST(VerifyRim, InactiveMeasurementsAreCountedNotListed) {
  GpuLab lab;
  lab.driver_rim.measurements[0].active = false;
  const Outcome out = judge(lab, lab.rim(lab.driver_rim));
  EXPECT_EQ(out.verdict.claims.at("resources"), 10);
  EXPECT_FALSE(out.verdict.claims.at("active").contains("7"));
}

TEST(VerifyRim, UnsignedIsNotBelieved) {
  const GpuLab lab;
  const Outcome out = judge(lab, evidence::testing::write_rim(lab.driver_rim));
  ASSERT_FALSE(out.rim);
  EXPECT_EQ(out.verdict.first_failure()->id, "rim.signature");
  EXPECT_EQ(out.verdict.first_failure()->detail.substr(0, 5), "G13: ");
  EXPECT_EQ(out.verdict.claims.at("findings"), Json::array({"rim_xmldsig"}));
  EXPECT_EQ(out.verdict.claims.at("xmldsig_ok"), false);
  EXPECT_EQ(out.verdict.claims.at("chain_ok"), false);
}

TEST(VerifyRim, SignedButNoManifest) {
  const GpuLab lab;
  const Outcome out = judge(lab, lab.sign_rim("<x></x>"));
  expect_failure(out, "rim.parse", Errc::malformed, "G12");
  EXPECT_EQ(out.verdict.claims.at("findings"), Json::array({"rim_parse"}));
}

TEST(VerifyRim, OnlyItsOwnRootsVouchForIt) {
  const GpuLab lab;
  const Outcome out = judge(lab, lab.rim(lab.driver_rim), Policy::strict());
  expect_failure(out, "rim.chain", Errc::untrusted, "G14: no trusted root is named");
  EXPECT_EQ(out.verdict.claims.at("findings"), Json::array({"rim_chain"}));
  EXPECT_EQ(out.verdict.claims.at("xmldsig_ok"), true);
  EXPECT_FALSE(out.verdict.simulated);
}

TEST(VerifyRim, UnderAVendorsRootItIsNotSimulated) {
  const GpuLab lab;
  Policy policy = lab.policy();
  for (auto& root : policy.roots) root.simulated = false;
  const Outcome out = judge(lab, lab.rim(lab.driver_rim), policy);
  ASSERT_TRUE(out.rim) << out.rim.error().message;
  EXPECT_FALSE(out.verdict.simulated);
}

TEST(VerifyRim, ExpiryIsNamedByCertificate) {
  GpuLab lab;
  lab.signers[0].request.not_after = lab.at - std::chrono::seconds{1};
  lab.signers[1].request.not_before = lab.at + std::chrono::seconds{1};
  const Outcome out = judge(lab, lab.rim(lab.driver_rim));
  ASSERT_EQ(refusal(out.rim), Errc::expired);
  EXPECT_EQ(out.verdict.claims.at("findings"),
            Json::array({"rim_chain", "rim_cert[0]_expired", "rim_cert[1]_not_yet_valid"}));
}

TEST(VerifyRim, WhatIsJustValidIsNotNamed) {
  GpuLab lab;
  lab.signers[0].request.not_after = lab.at;
  lab.signers[1].request.not_before = lab.at + std::chrono::seconds{1};
  lab.signers[2].request.not_before = lab.at;
  EXPECT_EQ(judge(lab, lab.rim(lab.driver_rim)).verdict.claims.at("findings"),
            Json::array({"rim_chain", "rim_cert[1]_not_yet_valid"}));
}

TEST(VerifyRim, CertificatesAreValidFromTheirFirstSecondOn) {
  GpuLab lab;
  lab.signers[0].request.not_after = lab.at + std::chrono::seconds{1};
  lab.signers[1].request.not_before = lab.at;
  EXPECT_TRUE(judge(lab, lab.rim(lab.driver_rim)).rim);
}

TEST(VerifyRim, TheRootNeedNotBeListed) {
  GpuLab lab;
  auto chain = testing::issue_chain(lab.signers);
  chain.pop_back();
  const std::string xml = xmlsig::sign_xml_for_test(evidence::testing::write_rim(lab.driver_rim),
                                                    lab.signers[0].key, chain);
  EXPECT_TRUE(judge(lab, xml).rim);
}

TEST(VerifyRim, AnswersAreJudgedIfGivenOrDemanded) {
  GpuLab lab;
  Policy policy = lab.policy();
  policy.gpu.require_ocsp = true;
  const std::string xml = lab.rim(lab.driver_rim);
  const Outcome good = judge(lab, xml, policy, answers(lab, xml));
  ASSERT_TRUE(good.rim) << good.rim.error().message;
  EXPECT_EQ(good.verdict.checks().back().status, CheckStatus::pass);

  const Outcome missing = judge(lab, xml, policy);
  expect_failure(missing, "rim.ocsp", Errc::unavailable, "G20: no answer: Lab RIM Signer");
  EXPECT_EQ(missing.verdict.claims.at("findings"),
            Json::array({"ocsp_missing", "ocsp_missing", "ocsp_missing"}));

  lab.answers[5].status = crypto::ocsp_revoked(lab.at);
  expect_failure(judge(lab, xml, lab.policy(), answers(lab, xml)), "rim.ocsp", Errc::untrusted,
                 "G21: revoked: Lab RIM L2");
}

TEST(VerifyRim, WithoutItsRootTheChainIsAnsweredForAllTheSame) {
  GpuLab lab;
  Policy policy = lab.policy();
  policy.gpu.require_ocsp = true;
  const std::string with_root = lab.rim(lab.driver_rim);
  const auto listed = evidence::parse_rim(with_root).value().certificates;
  std::vector<crypto::Certificate> chain;
  for (const Bytes& der : listed) chain.push_back(crypto::Certificate::from_der(der).value());
  const auto good = answers(lab, with_root);
  lab.answers[5].given = false;
  const auto fewer = answers(lab, with_root);
  chain.pop_back();
  const std::string xml = xmlsig::sign_xml_for_test(evidence::testing::write_rim(lab.driver_rim),
                                                    lab.signers[0].key, chain);
  EXPECT_TRUE(judge(lab, xml, policy, good).rim);
  expect_failure(judge(lab, xml, policy, fewer), "rim.ocsp", Errc::unavailable,
                 "G20: no answer: Lab RIM L2");
}

TEST(VerifyRim, AnswersAboutAnUntrustedChainAreNotJudged) {
  const GpuLab lab;
  const std::string xml = lab.rim(lab.driver_rim);
  const Outcome out = judge(lab, xml, Policy::strict(), answers(lab, xml));
  EXPECT_EQ(out.verdict.checks().back().status, CheckStatus::fail);
  EXPECT_THAT(out.verdict.checks().back().detail, HasSubstr("not judged"));
}

}  // namespace
}  // namespace confide::verify
