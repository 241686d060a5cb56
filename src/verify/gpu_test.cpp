#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "verify/testing/gpu_outcome.h"

namespace confide::verify {
namespace {

using evidence::GpuEvidence;
using evidence::GpuReferences;
using ::testing::ElementsAre;
using testing::expect_failure;
using testing::find_check;
using testing::GpuLab;
using testing::GpuOutcome;
using ::testing::HasSubstr;
using testing::judge;
using ::testing::StartsWith;

std::vector<std::string> ids_of(const Verdict& verdict) {
  std::vector<std::string> out;
  for (const Check& check : verdict.checks()) out.push_back(check.id);
  return out;
}

TEST(Gpu, OneGpuPassesEveryCheck) {
  const GpuOutcome out = judge(GpuLab());
  ASSERT_TRUE(out.proof) << out.proof.error().message;
  EXPECT_THAT(
      ids_of(out.verdict),
      ElementsAre("gpu.report.parse", "gpu.device.chain", "gpu.report.signature", "gpu.device.fwid",
                  "gpu.report.nonce", "gpu.device.architecture", "gpu.device.ocsp",
                  "rim.driver.parse", "rim.driver.signature", "rim.driver.chain",
                  "rim.driver.version", "rim.driver.ocsp", "rim.vbios.parse", "rim.vbios.signature",
                  "rim.vbios.chain", "rim.vbios.version", "rim.vbios.ocsp", "gpu.measurements",
                  "gpu.mode", "gpu.policy", "gpu.count", "gpu.distinct", "gpu.topology"));
  EXPECT_TRUE(out.verdict.simulated);
  EXPECT_TRUE(out.proof->simulated());
  EXPECT_EQ(out.proof->gpu_count(), 1U);
  ASSERT_EQ(out.proof->devices().size(), 1U);
  const VerifiedGpu& gpu = out.proof->devices()[0];
  EXPECT_EQ(gpu.kind, evidence::GpuDeviceKind::gpu);
  EXPECT_EQ(gpu.architecture, "HOPPER");
  EXPECT_EQ(gpu.driver_version, "599.01");
  EXPECT_EQ(gpu.vbios_version, "96.00.AB.00.01");
  EXPECT_EQ(gpu.mode, evidence::GpuMode::ppcie);
  EXPECT_TRUE(gpu.matches_references);
  EXPECT_EQ(Json(gpu.ueid), out.verdict.claims.at("ueid"));
}

TEST(Gpu, ClaimsSayWhatWasSeen) {
  const Json claims = judge(GpuLab()).verdict.claims;
  EXPECT_EQ(claims.at("gpus"), "all");
  EXPECT_EQ(claims.at("switches"), "none");
  EXPECT_EQ(claims.at("gpu_count"), 1);
  EXPECT_EQ(claims.at("switch_count"), 0);
  EXPECT_EQ(claims.at("kind"), "gpu");
  EXPECT_EQ(claims.at("architecture"), "HOPPER");
  EXPECT_EQ(claims.at("feature_flag"), "PPCIE");
  EXPECT_EQ(claims.at("cc_mode"), "on");
  EXPECT_EQ(claims.at("dbgstat"), "disabled");
  EXPECT_EQ(claims.at("attested"), true);
  EXPECT_EQ(claims.at("evidence_ok"), true);
  EXPECT_EQ(claims.at("evidence_findings"), Json::array());
  EXPECT_EQ(claims.at("ocsp_findings"), Json::array());
  EXPECT_EQ(claims.at("hwmodel"), "GH100 A01 GSP BROM");
  EXPECT_EQ(claims.at("leaf_fwid_oid"), "2.23.133.5.4.1");
  EXPECT_EQ(claims.at("rims").at("driver_rim"),
            (Json{{"findings", Json::array()}, {"version", "599.01"}}));
  EXPECT_EQ(claims.at("measurements").at("matched").size(), 22U);
  EXPECT_EQ(claims.at("devices").size(), 1U);
  EXPECT_EQ(claims.at("devices").at(0).at("ueid"), claims.at("ueid"));
  EXPECT_EQ(claims.at("opaque").at("NVDEC0_STATUS"), "aa");
  EXPECT_EQ(claims.at("chain").size(), 5U);
}

TEST(Gpu, ASwitchPassesWithItsOwnManifest) {
  const GpuLab lab;
  const GpuOutcome out = judge(lab, {lab.evidence(lab.nvswitch)});
  ASSERT_TRUE(out.proof) << out.proof.error().message;
  EXPECT_EQ(find_check(out.verdict, "rim.driver.parse"), nullptr);
  EXPECT_EQ(find_check(out.verdict, "gpu.mode")->status, CheckStatus::skip);
  EXPECT_EQ(out.verdict.claims.at("kind"), "switch");
  EXPECT_EQ(out.verdict.claims.at("gpus"), "none");
  EXPECT_EQ(out.verdict.claims.at("switches"), "all");
  EXPECT_EQ(out.verdict.claims.at("bios_version"), "96.10.AB.00.01");
  EXPECT_EQ(out.verdict.claims.at("driver_version"), Json());
  EXPECT_EQ(out.proof->gpu_count(), 0U);
  EXPECT_EQ(out.proof->devices().size(), 1U);
}

TEST(Gpu, ASwitchHasNoModeThatCouldBeDemanded) {
  const GpuLab lab;
  Policy policy = lab.policy();
  policy.gpu.modes = {"SPT"};
  const GpuOutcome out = judge(lab, {lab.evidence(lab.nvswitch)}, policy);
  ASSERT_TRUE(out.proof) << out.proof.error().message;
  EXPECT_EQ(find_check(out.verdict, "gpu.mode")->detail, "a switch has none");
}

TEST(Gpu, WhatADeviceWasGivenAsNeedNotBeSaidButMustBeRight) {
  GpuLab lab;
  lab.nvswitch.kind.reset();
  EXPECT_TRUE(judge(lab, {lab.evidence(lab.nvswitch)}).proof);
  lab.gpu.kind.reset();
  EXPECT_TRUE(judge(lab).proof);
  lab.gpu.architecture = "HOPPER";
  EXPECT_TRUE(judge(lab).proof);
  lab.gpu.architecture = "BLACKWELL";
  expect_failure(judge(lab), "gpu.device.architecture", Errc::mismatch,
                 "G9: HOPPER, given as BLACKWELL");
}

TEST(Gpu, WhoseChainIsNotTrustedHasNoKnownArchitecture) {
  const GpuLab lab;
  const GpuOutcome out = judge(lab, {lab.evidence()}, Policy::strict());
  EXPECT_EQ(find_check(out.verdict, "gpu.device.architecture")->status, CheckStatus::fail);
}

TEST(Gpu, BlackwellNamesItsFirmwareInATcbInfo) {
  GpuLab lab;
  lab.gpu.leaf().request.common_name = "GB100 A01 GSP FMC LF";
  lab.gpu.leaf().request.extensions = {
      {crypto::kDiceTcbInfoOid, testing::dice_tcb_info(Bytes(48, 0xF1))}};
  const GpuOutcome out = judge(lab);
  ASSERT_TRUE(out.proof) << out.proof.error().message;
  EXPECT_EQ(out.proof->devices()[0].architecture, "BLACKWELL");
  EXPECT_EQ(out.verdict.claims.at("leaf_fwid_oid"), "2.23.133.5.4.1.1");
  EXPECT_EQ(out.verdict.claims.at("rim_ids").at(0), "NV_GPU_CC_DRIVER_GB100_599.01");
}

TEST(Gpu, AReportWithoutFirmwareIdentifierLeavesItToTheCertificate) {
  GpuLab lab;
  evidence::testing::drop_field(lab.gpu.report, 20);
  EXPECT_TRUE(judge(lab).proof);
}

TEST(Gpu, ManifestsOfAnyOrderServeTheirVersions) {
  const GpuLab lab;
  GpuReferences references = lab.references();
  evidence::Rim other = lab.driver_rim;
  other.version = "600.00";
  references.driver_rims.insert(references.driver_rims.begin(), lab.rim(other));
  references.driver_rims.insert(references.driver_rims.begin(), "no manifest");
  EXPECT_TRUE(judge(lab, {lab.evidence()}, &references, lab.policy()).proof);
}

TEST(Gpu, LettersOfVersionsCountAlike) {
  GpuLab lab;
  lab.vbios_rim.version = "96.00.ab.00.01";
  EXPECT_TRUE(judge(lab).proof);
}

TEST(Gpu, WithoutReferencesNothingIsCompared) {
  const GpuLab lab;
  const GpuOutcome out = judge(lab, {lab.evidence()}, nullptr, lab.policy());
  expect_failure(out, "rim.driver.parse", Errc::unavailable, "G11: no such manifest given");
  EXPECT_EQ(find_check(out.verdict, "gpu.measurements")->status, CheckStatus::fail);
  EXPECT_EQ(out.verdict.claims.at("evidence_ok"), true);
  EXPECT_EQ(out.verdict.claims.at("dbgstat"), "unknown");
  EXPECT_EQ(out.verdict.claims.at("attested"), false);
}

TEST(Gpu, OneManifestOfTwoIsNotEnough) {
  const GpuLab lab;
  GpuReferences references = lab.references();
  references.vbios_rims.clear();
  Policy policy = lab.policy();
  policy.gpu.require_reference_values = false;
  const GpuOutcome out = judge(lab, {lab.evidence()}, &references, policy);
  expect_failure(out, "rim.vbios.parse", Errc::unavailable, "G11");
  EXPECT_THAT(find_check(out.verdict, "gpu.measurements")->detail,
              HasSubstr("compared with 1 manifests, not with all"));
  EXPECT_EQ(out.verdict.claims.at("measurements").at("matched").size(), 10U);
}

TEST(Gpu, ManifestsOfOneRoleAloneAskForTheOther) {
  const GpuLab lab;
  GpuReferences references = lab.references();
  references.driver_rims.clear();
  Policy policy = lab.policy();
  policy.gpu.require_reference_values = false;
  expect_failure(judge(lab, {lab.evidence()}, &references, policy), "rim.driver.parse",
                 Errc::unavailable, "G11");
}

TEST(Gpu, AManifestThatCannotBeReadIsNotCompared) {
  const GpuLab lab;
  GpuReferences references = lab.references();
  references.driver_rims = {"rubbish"};
  const GpuOutcome one = judge(lab, {lab.evidence()}, &references, lab.policy());
  EXPECT_EQ(find_check(one.verdict, "gpu.measurements")->status, CheckStatus::fail);
  EXPECT_EQ(one.verdict.claims.at("rims").at("driver_rim").at("findings"),
            Json::array({"rim_parse", "rim_xmldsig"}));
  references.vbios_rims = {"rubbish"};
  const GpuOutcome none = judge(lab, {lab.evidence()}, &references, lab.policy());
  EXPECT_EQ(find_check(none.verdict, "gpu.measurements")->status, CheckStatus::fail);
  EXPECT_FALSE(none.verdict.claims.contains("measurements"));
}

TEST(Gpu, EvidenceThatCannotBeReadFailsEveryCheck) {
  const GpuLab lab;
  GpuReferences references = lab.references();
  references.ocsp = {Bytes{1, 2, 3}};
  const GpuOutcome out = judge(lab, {GpuEvidence{}}, &references, lab.policy());
  expect_failure(out, "gpu.report.parse", Errc::malformed, "request version");
  for (const char* id : {"gpu.device.chain", "gpu.report.signature", "gpu.device.fwid",
                         "gpu.report.nonce", "gpu.device.architecture", "gpu.device.ocsp",
                         "rim.driver.version", "gpu.measurements", "gpu.mode", "gpu.policy"}) {
    ASSERT_NE(find_check(out.verdict, id), nullptr) << id;
    EXPECT_EQ(find_check(out.verdict, id)->status, CheckStatus::fail) << id;
  }
  EXPECT_THAT(find_check(out.verdict, "gpu.device.ocsp")->detail, HasSubstr("not judged"));
  EXPECT_EQ(out.verdict.claims.at("gpus"), "none");
  EXPECT_EQ(out.verdict.claims.at("evidence_findings"),
            Json::array({"parse", "chain_length=0", "report_signature", "fwid", "nonce"}));
}

TEST(Gpu, AGoodReportUnderAnUnreadableChain) {
  const GpuLab lab;
  GpuEvidence device = lab.evidence();
  device.chain_pem.clear();
  const GpuOutcome out = judge(lab, {device});
  expect_failure(out, "gpu.device.chain", Errc::malformed, "G6");
  EXPECT_EQ(find_check(out.verdict, "gpu.report.signature")->status, CheckStatus::fail);
  EXPECT_EQ(find_check(out.verdict, "gpu.device.fwid")->status, CheckStatus::fail);
  EXPECT_EQ(find_check(out.verdict, "gpu.report.nonce")->status, CheckStatus::pass);
}

TEST(Gpu, AnUnreadableReportUnderAGoodChain) {
  const GpuLab lab;
  GpuEvidence device = lab.evidence();
  device.report.clear();
  const GpuOutcome out = judge(lab, {device});
  expect_failure(out, "gpu.report.parse", Errc::malformed, "request version");
  EXPECT_EQ(find_check(out.verdict, "gpu.device.chain")->status, CheckStatus::pass);
  EXPECT_EQ(out.verdict.claims.at("evidence_findings"),
            Json::array({"parse", "report_signature", "fwid", "nonce"}));
  // Nothing is wrong with the manifests.
  for (const char* role : {"driver_rim", "vbios_rim"}) {
    EXPECT_EQ(out.verdict.claims.at("rims").at(role).at("findings"), Json::array()) << role;
  }
}

// What is wrong with a device of `lab`, by name.
Json findings_of(const GpuLab& lab, const GpuEvidence& device) {
  return judge(lab, {device}).verdict.claims.at("evidence_findings");
}

TEST(Gpu, WhatIsWrongWithEvidenceHasAName) {
  GpuLab lab;
  GpuEvidence longer = lab.evidence();
  longer.report.push_back(0);
  EXPECT_EQ(findings_of(lab, longer), Json::array({"signature_length=97", "report_signature"}));
  GpuEvidence other = lab.evidence();
  other.architecture = "BLACKWELL";
  EXPECT_EQ(findings_of(lab, other), Json::array({"architecture"}));
  // A chain that leads nowhere says nothing of the architecture.
  EXPECT_EQ(findings_of(lab, GpuLab().evidence()), Json::array({"chain"}));
  lab.gpu.leaf().request.extensions = {{crypto::kDiceIdOid, testing::dice_id(Bytes(48, 0xF2))}};
  EXPECT_EQ(findings_of(lab, lab.evidence()), Json::array({"fwid"}));
}

TEST(Gpu, WhatIsWrongWithAManifestHasAName) {
  GpuLab lab;
  lab.driver_rim.version = "600.00";
  GpuOutcome out = judge(lab);
  expect_failure(out, "rim.driver.version", Errc::mismatch, "G15");
  EXPECT_EQ(out.verdict.claims.at("rims").at("driver_rim").at("findings"),
            Json::array({"rim_version"}));
  lab = GpuLab();
  lab.signers.back() = lab.factory.back();
  out = judge(lab);
  expect_failure(out, "rim.driver.chain", Errc::untrusted, "G14: a root of devices");
  EXPECT_EQ(out.verdict.claims.at("rims").at("driver_rim").at("findings"),
            Json::array({"rim_chain"}));
}

TEST(Gpu, IsSimulatedUnlessAllItsRootsAreVendors) {
  const GpuLab lab;
  Policy policy = lab.policy();
  for (const bool device : {false, true}) {
    for (const bool manifests : {false, true}) {
      policy.roots[policy.roots.size() - 2].simulated = device;
      policy.roots[policy.roots.size() - 1].simulated = manifests;
      const GpuOutcome out = judge(lab, {lab.evidence()}, policy);
      ASSERT_TRUE(out.proof) << out.proof.error().message;
      EXPECT_EQ(out.proof->simulated(), device || manifests);
    }
  }
}

TEST(Gpu, ALeafOfAnUnknownCurveSignsNothing) {
  const GpuLab lab;
  GpuEvidence device = lab.evidence();
  auto chain = crypto::parse_pem_chain(device.chain_pem).value();
  Bytes leaf = to_bytes(chain[0].der());
  const Bytes p384{0x2b, 0x81, 0x04, 0x00, 0x22};
  const auto at = std::search(leaf.begin(), leaf.end(), p384.begin(), p384.end());
  ASSERT_NE(at, leaf.end());
  *(at + 4) = 0x7f;
  chain[0] = crypto::Certificate::from_der(leaf).value();
  device.chain_pem = GpuLab::pem(chain);
  const GpuOutcome out = judge(lab, {device});
  EXPECT_EQ(find_check(out.verdict, "gpu.report.signature")->status, CheckStatus::fail);
  EXPECT_THAT(find_check(out.verdict, "gpu.report.signature")->detail, StartsWith("G8: "));
}

TEST(Gpu, WhoAsksForNoReferencesLearnsThatItIsGenuine) {
  const GpuLab lab;
  Policy policy = lab.policy();
  policy.gpu.require_reference_values = false;
  const GpuOutcome out = judge(lab, {lab.evidence()}, nullptr, policy);
  ASSERT_TRUE(out.proof) << out.proof.error().message;
  EXPECT_FALSE(out.proof->devices()[0].matches_references);
  EXPECT_EQ(find_check(out.verdict, "gpu.measurements")->status, CheckStatus::skip);
  EXPECT_EQ(out.verdict.claims.at("dbgstat"), "unknown");
}

TEST(Gpu, AnUnstatedModeIsUnknownUnlessItIsDemanded) {
  GpuLab lab;
  evidence::testing::drop_field(lab.gpu.report, 36);
  const GpuOutcome out = judge(lab);
  ASSERT_TRUE(out.proof);
  EXPECT_EQ(find_check(out.verdict, "gpu.mode")->status, CheckStatus::skip);
  EXPECT_EQ(out.verdict.claims.at("cc_mode"), "unknown");
  EXPECT_FALSE(out.proof->devices()[0].mode);
  Policy policy = lab.policy();
  policy.gpu.modes = {"SPT"};
  expect_failure(judge(lab, {lab.evidence()}, policy), "gpu.mode", Errc::policy, "G30");
}

TEST(Gpu, NvidiasRootsAreTrustedAndOursAreNot) {
  const GpuLab lab;
  expect_failure(judge(lab, {lab.evidence()}, Policy::strict()), "gpu.device.chain",
                 Errc::untrusted, "G6: no trusted root is named");
}

}  // namespace
}  // namespace confide::verify
