#include "verify/gpu.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "verify/testing/gpu_lab.h"

namespace confide::verify {
namespace {

using evidence::GpuEvidence;
using evidence::GpuReferences;
using ::testing::ElementsAre;
using testing::find_field;
using testing::GpuLab;
using ::testing::HasSubstr;
using testing::LabDevice;
using ::testing::StartsWith;

struct Outcome {
  Verdict verdict;
  Result<VerifiedGpus> proof = fail(Errc::internal, "not run");
};

Outcome judge(const GpuLab& lab, const std::vector<GpuEvidence>& devices,
              const GpuReferences* references, const Policy& policy) {
  Outcome out;
  out.proof = verify_gpus(devices, references, lab.nonce, policy, lab.at, out.verdict);
  EXPECT_EQ(out.proof.has_value(), out.verdict.passed());
  return out;
}

Outcome judge(const GpuLab& lab, const std::vector<GpuEvidence>& devices, const Policy& policy) {
  GpuReferences references = lab.references();
  references.vbios_rims.push_back(lab.rim(lab.switch_rim));
  return judge(lab, devices, &references, policy);
}
Outcome judge(const GpuLab& lab, const std::vector<GpuEvidence>& devices) {
  return judge(lab, devices, lab.policy());
}
Outcome judge(const GpuLab& lab) { return judge(lab, {lab.evidence()}); }

const Check* find_check(const Verdict& verdict, const std::string& id) {
  for (const Check& check : verdict.checks()) {
    if (check.id == id) return &check;
  }
  return nullptr;
}

void expect_failure(const Outcome& outcome, const std::string& id, Errc code,
                    const std::string& reason) {
  ASSERT_FALSE(outcome.proof);
  const Check* first = outcome.verdict.first_failure();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->id, id) << first->detail;
  EXPECT_THAT(first->detail, HasSubstr(reason));
  EXPECT_EQ(outcome.proof.error().code, code);
  EXPECT_THAT(outcome.proof.error().message, HasSubstr(id));
}

std::vector<std::string> ids_of(const Verdict& verdict) {
  std::vector<std::string> out;
  for (const Check& check : verdict.checks()) out.push_back(check.id);
  return out;
}

TEST(Gpu, OneGpuPassesEveryCheck) {
  const Outcome out = judge(GpuLab());
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
  const Outcome out = judge(lab, {lab.evidence(lab.nvswitch)});
  ASSERT_TRUE(out.proof) << out.proof.error().message;
  EXPECT_EQ(find_check(out.verdict, "rim.driver.parse"), nullptr);
  EXPECT_EQ(find_check(out.verdict, "gpu.mode")->status, CheckStatus::skip);
  EXPECT_EQ(out.verdict.claims.at("gpus"), "none");
  EXPECT_EQ(out.verdict.claims.at("switches"), "all");
  EXPECT_EQ(out.verdict.claims.at("bios_version"), "96.10.AB.00.01");
  EXPECT_EQ(out.verdict.claims.at("driver_version"), Json());
  EXPECT_EQ(out.proof->gpu_count(), 0U);
  EXPECT_EQ(out.proof->devices().size(), 1U);
}

TEST(Gpu, BlackwellNamesItsFirmwareInATcbInfo) {
  GpuLab lab;
  lab.gpu.leaf().request.common_name = "GB100 A01 GSP FMC LF";
  lab.gpu.leaf().request.extensions = {
      {crypto::kDiceTcbInfoOid, testing::dice_tcb_info(Bytes(48, 0xF1))}};
  const Outcome out = judge(lab);
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
  const Outcome out = judge(lab, {lab.evidence()}, nullptr, lab.policy());
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
  const Outcome out = judge(lab, {lab.evidence()}, &references, policy);
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
  const Outcome one = judge(lab, {lab.evidence()}, &references, lab.policy());
  EXPECT_EQ(find_check(one.verdict, "gpu.measurements")->status, CheckStatus::fail);
  EXPECT_EQ(one.verdict.claims.at("rims").at("driver_rim").at("findings"),
            Json::array({"rim_parse", "rim_xmldsig"}));
  references.vbios_rims = {"rubbish"};
  const Outcome none = judge(lab, {lab.evidence()}, &references, lab.policy());
  EXPECT_EQ(find_check(none.verdict, "gpu.measurements")->status, CheckStatus::fail);
  EXPECT_FALSE(none.verdict.claims.contains("measurements"));
}

TEST(Gpu, EvidenceThatCannotBeReadFailsEveryCheck) {
  const GpuLab lab;
  GpuReferences references = lab.references();
  references.ocsp = {Bytes{1, 2, 3}};
  const Outcome out = judge(lab, {GpuEvidence{}}, &references, lab.policy());
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
  const Outcome out = judge(lab, {device});
  expect_failure(out, "gpu.device.chain", Errc::malformed, "G6");
  EXPECT_EQ(find_check(out.verdict, "gpu.report.signature")->status, CheckStatus::fail);
  EXPECT_EQ(find_check(out.verdict, "gpu.device.fwid")->status, CheckStatus::fail);
  EXPECT_EQ(find_check(out.verdict, "gpu.report.nonce")->status, CheckStatus::pass);
}

TEST(Gpu, AnUnreadableReportUnderAGoodChain) {
  const GpuLab lab;
  GpuEvidence device = lab.evidence();
  device.report.clear();
  const Outcome out = judge(lab, {device});
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
  Outcome out = judge(lab);
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
      const Outcome out = judge(lab, {lab.evidence()}, policy);
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
  const Outcome out = judge(lab, {device});
  EXPECT_EQ(find_check(out.verdict, "gpu.report.signature")->status, CheckStatus::fail);
  EXPECT_THAT(find_check(out.verdict, "gpu.report.signature")->detail, StartsWith("G8: "));
}

TEST(Gpu, WhoAsksForNoReferencesLearnsThatItIsGenuine) {
  const GpuLab lab;
  Policy policy = lab.policy();
  policy.gpu.require_reference_values = false;
  const Outcome out = judge(lab, {lab.evidence()}, nullptr, policy);
  ASSERT_TRUE(out.proof) << out.proof.error().message;
  EXPECT_FALSE(out.proof->devices()[0].matches_references);
  EXPECT_EQ(find_check(out.verdict, "gpu.measurements")->status, CheckStatus::skip);
  EXPECT_EQ(out.verdict.claims.at("dbgstat"), "unknown");
}

TEST(Gpu, AnUnstatedModeIsUnknownUnlessItIsDemanded) {
  GpuLab lab;
  evidence::testing::drop_field(lab.gpu.report, 36);
  const Outcome out = judge(lab);
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

// --- Several devices ---

// Two GPUs and the switch that both name.
struct Machine {
  GpuLab lab;
  LabDevice second = lab.make_gpu();
  std::vector<GpuEvidence> devices() const {
    return {lab.evidence(lab.gpu), lab.evidence(second), lab.evidence(lab.nvswitch)};
  }
};

TEST(Gpus, AWholeMachinePasses) {
  const Machine machine;
  const Outcome out = judge(machine.lab, machine.devices());
  ASSERT_TRUE(out.proof) << out.proof.error().message;
  EXPECT_EQ(out.proof->gpu_count(), 2U);
  EXPECT_EQ(out.verdict.claims.at("gpus"), "all");
  EXPECT_EQ(out.verdict.claims.at("switches"), "all");
  EXPECT_EQ(out.verdict.claims.at("devices").size(), 3U);
  EXPECT_EQ(out.verdict.claims.at("evidence_findings").size(), 3U);
  EXPECT_EQ(out.verdict.claims.at("measurements").size(), 3U);
  EXPECT_EQ(out.verdict.claims.at("rim_ids").size(), 3U);
  EXPECT_FALSE(out.verdict.claims.contains("ueid"));
  EXPECT_THAT(out.verdict.checks()[0].detail, StartsWith("device 1: "));
}

TEST(Gpus, NoneIsNotAll) {
  const GpuLab lab;
  const Outcome out = judge(lab, {});
  expect_failure(out, "gpu.count", Errc::policy, "G24: no evidence");
  EXPECT_EQ(out.verdict.claims.at("gpus"), "none");
  EXPECT_EQ(out.verdict.claims.at("evidence_ok"), false);
}

TEST(Gpus, NoneMayBeDemanded) {
  const GpuLab lab;
  Policy policy = lab.policy();
  policy.gpu.required = GpuDemand::none;
  EXPECT_TRUE(judge(lab, {}, policy).proof);
  policy.gpu.required = GpuDemand::any;
  expect_failure(judge(lab, {}, policy), "gpu.count", Errc::policy, "G24: no evidence");
}

TEST(Gpus, WhatIsGivenMustPassEvenIfNoneIsDemanded) {
  GpuLab lab;
  lab.gpu.report.request.nonce.fill(1);
  Policy policy = lab.policy();
  policy.gpu.required = GpuDemand::none;
  expect_failure(judge(lab, {lab.evidence()}, policy), "gpu.report.nonce", Errc::mismatch, "G5");
}

TEST(Gpus, SomeIsNotAll) {
  Machine machine;
  machine.second.report.request.nonce.fill(1);
  const Outcome out = judge(machine.lab, machine.devices());
  expect_failure(out, "gpu.report.nonce", Errc::mismatch, "device 2: G5");
  EXPECT_EQ(out.verdict.claims.at("gpus"), "some");
  EXPECT_EQ(out.verdict.claims.at("gpu_count"), 1);
  EXPECT_EQ(out.verdict.claims.at("evidence_ok"), false);
  EXPECT_EQ(out.verdict.claims.at("devices").at(0).at("attested"), true);
  EXPECT_EQ(out.verdict.claims.at("devices").at(1).at("attested"), false);
  EXPECT_EQ(out.verdict.claims.at("evidence_findings").at(1), Json::array({"nonce"}));
}

TEST(Gpus, SomeMayBeEnough) {
  Machine machine;
  machine.second.report.request.nonce.fill(1);
  Policy policy = machine.lab.policy();
  policy.gpu.required = GpuDemand::any;
  const Outcome out = judge(machine.lab, machine.devices(), policy);
  ASSERT_TRUE(out.proof) << out.proof.error().message;
  EXPECT_EQ(out.proof->gpu_count(), 1U);
  EXPECT_EQ(out.verdict.claims.at("gpus"), "some");
  const auto is_told = [&out](CheckStatus status, std::string_view id, std::string_view how) {
    return std::ranges::any_of(out.verdict.checks(), [&](const Check& check) {
      return check.id == id && check.status == status && check.detail.starts_with(how);
    });
  };
  EXPECT_TRUE(is_told(CheckStatus::pass, "gpu.report.nonce", "device 1: "));
  EXPECT_TRUE(is_told(CheckStatus::skip, "gpu.report.nonce", "not trusted, failed: device 2: G5"));
  EXPECT_TRUE(is_told(CheckStatus::skip, "gpu.device.fwid", "not trusted, unused: device 2: "));
}

TEST(Gpus, ADeviceThatIsNotTrustedDoesNotMakeTheRestGenuine) {
  const GpuLab lab;
  Policy policy = lab.policy();
  policy.gpu.required = GpuDemand::any;
  policy.gpu.require_reference_values = false;
  const Outcome out = judge(lab, {lab.evidence(), GpuEvidence{}}, nullptr, policy);
  ASSERT_TRUE(out.proof) << out.proof.error().message;
  EXPECT_TRUE(out.proof->simulated());
}

TEST(Gpus, AnyMeansAGpuAndNotASwitch) {
  const GpuLab lab;
  Policy policy = lab.policy();
  policy.gpu.required = GpuDemand::any;
  expect_failure(judge(lab, {lab.evidence(lab.nvswitch)}, policy), "gpu.count", Errc::policy,
                 "G24: no GPU passed");
}

TEST(Gpus, AnyButNoneThatPasses) {
  GpuLab lab;
  lab.gpu.report.request.nonce.fill(1);
  Policy policy = lab.policy();
  policy.gpu.required = GpuDemand::any;
  const Outcome out = judge(lab, {lab.evidence()}, policy);
  expect_failure(out, "gpu.count", Errc::policy, "G24: no GPU passed");
  EXPECT_EQ(out.verdict.claims.at("gpus"), "none");
}

TEST(Gpus, ALeastNumberCountsGpusThatPass) {
  const Machine machine;
  Policy policy = machine.lab.policy();
  policy.gpu.min_count = 2;
  EXPECT_TRUE(judge(machine.lab, machine.devices(), policy).proof);
  policy.gpu.min_count = 3;
  expect_failure(judge(machine.lab, machine.devices(), policy), "gpu.count", Errc::policy,
                 "G26: 2 GPUs passed, not 3");
}

TEST(Gpus, OneDeviceTwiceIsNotTwo) {
  const GpuLab lab;
  const GpuEvidence one = lab.evidence();
  expect_failure(judge(lab, {one, one}), "gpu.distinct", Errc::mismatch, "G25: one device");
}

TEST(Gpus, OneDeviceTwiceIsNotTwoWhateverIsDemanded) {
  GpuLab lab;
  const GpuEvidence one = lab.evidence();
  Policy policy = lab.policy();
  policy.gpu.required = GpuDemand::any;
  expect_failure(judge(lab, {one, one}, policy), "gpu.distinct", Errc::mismatch, "G25: one device");
  // All must pass, so those that do not are compared as well.
  LabDevice copy = lab.gpu;
  copy.report.request.nonce.fill(1);
  const Outcome out = judge(lab, {one, lab.evidence(copy)});
  expect_failure(out, "gpu.report.nonce", Errc::mismatch, "device 2: G5");
  EXPECT_EQ(find_check(out.verdict, "gpu.distinct")->status, CheckStatus::fail);
}

TEST(Gpus, OneDeviceWithTwoCertificatesIsNotTwo) {
  GpuLab lab;
  LabDevice again = lab.gpu;
  again.chain[0] = lab.make_gpu().chain[0];
  expect_failure(judge(lab, {lab.evidence(lab.gpu), lab.evidence(again)}), "gpu.distinct",
                 Errc::mismatch, "G25: one device");
  again = lab.make_gpu();
  again.chain[0].key = lab.gpu.chain[0].key;
  again.chain[0].request.subject_key = lab.gpu.chain[0].key.public_key();
  expect_failure(judge(lab, {lab.evidence(lab.gpu), lab.evidence(again)}), "gpu.distinct",
                 Errc::mismatch, "G25: one device");
}

TEST(Gpus, TwoSwitchesHaveTwoIdentifiers) {
  const GpuLab lab;
  LabDevice second = lab.make_switch();
  expect_failure(judge(lab, {lab.evidence(lab.nvswitch), lab.evidence(second)}), "gpu.distinct",
                 Errc::mismatch, "G25: one switch");
  find_field(second.report, 22)->at(0) = 0xEE;
  EXPECT_TRUE(judge(lab, {lab.evidence(lab.nvswitch), lab.evidence(second)}).proof);
}

TEST(Gpus, ADeviceThatIsNotTrustedCannotSpoilAnother) {
  GpuLab lab;
  LabDevice copy = lab.gpu;
  copy.report.request.nonce.fill(1);
  Policy policy = lab.policy();
  policy.gpu.required = GpuDemand::any;
  EXPECT_TRUE(judge(lab, {lab.evidence(lab.gpu), lab.evidence(copy)}, policy).proof);
}

TEST(Gpus, GpusThatNameOtherSwitchesAreOfTwoMachines) {
  Machine machine;
  find_field(machine.second.report, 22)->at(0) = 0xEE;
  expect_failure(judge(machine.lab, machine.devices()), "gpu.topology", Errc::mismatch,
                 "G27: the GPUs name different switches");
}

TEST(Gpus, LinksThatLeadNowhereDoNotCount) {
  Machine machine;
  Bytes& links = *find_field(machine.second.report, 22);
  std::fill_n(links.begin(), 8, std::uint8_t{0});
  EXPECT_TRUE(judge(machine.lab, machine.devices()).proof);
}

TEST(Gpus, TheSwitchesGivenAreThoseTheGpusName) {
  Machine machine;
  find_field(machine.lab.nvswitch.report, 22)->at(0) = 0xEE;
  expect_failure(judge(machine.lab, machine.devices()), "gpu.topology", Errc::mismatch,
                 "G27: the GPUs name 1 switches, 1 gave evidence, and they differ");
}

TEST(Gpus, SwitchesWriteTheirIdentifierTheOtherWayRound) {
  Machine machine;
  *find_field(machine.lab.nvswitch.report, 22) = {8, 7, 6, 5, 4, 3, 2, 1};
  expect_failure(judge(machine.lab, machine.devices()), "gpu.topology", Errc::mismatch, "G27");
}

TEST(Gpus, SwitchesNameTheSameGpus) {
  Machine machine;
  LabDevice second = machine.lab.make_switch();
  *find_field(second.report, 22) = Bytes(8, 9);
  for (LabDevice* gpu : {&machine.lab.gpu, &machine.second}) {
    append(*find_field(gpu->report, 22), Bytes(8, 9));
  }
  auto devices = machine.devices();
  devices.push_back(machine.lab.evidence(second));
  EXPECT_TRUE(judge(machine.lab, devices).proof);
  find_field(second.report, 26)->at(0) = 0x7F;
  devices.back() = machine.lab.evidence(second);
  expect_failure(judge(machine.lab, devices), "gpu.topology", Errc::mismatch,
                 "G27: the switches name different GPUs");
}

TEST(Gpus, SwitchesThatAreNotGivenMayBeDemanded) {
  const GpuLab lab;
  EXPECT_TRUE(judge(lab).proof);
  Policy policy = lab.policy();
  policy.gpu.require_switches = true;
  expect_failure(judge(lab, {lab.evidence()}, policy), "gpu.topology", Errc::mismatch,
                 "G27: the GPUs name 1 switches, 0 gave evidence");
  EXPECT_TRUE(judge(lab, {lab.evidence(lab.gpu), lab.evidence(lab.nvswitch)}, policy).proof);
}

TEST(Gpus, GpusWithoutSwitchesNeedNone) {
  GpuLab lab;
  evidence::testing::drop_field(lab.gpu.report, 22);
  Policy policy = lab.policy();
  policy.gpu.require_switches = true;
  EXPECT_TRUE(judge(lab, {lab.evidence()}, policy).proof);
}

TEST(Gpus, TheNumberOfDevicesIsLimited) {
  const GpuLab lab;
  std::vector<GpuEvidence> devices(evidence::kMaxGpuDevices);
  expect_failure(judge(lab, devices), "gpu.report.parse", Errc::malformed, "device 1: ");
  devices.emplace_back();
  expect_failure(judge(lab, devices), "gpu.count", Errc::limit, "G24: 65 devices");
}

TEST(Gpus, ANonceHas32Bytes) {
  GpuLab lab;
  const GpuEvidence evidence = lab.evidence();
  for (const std::size_t size : {0U, 31U, 33U}) {
    lab.nonce.resize(size, 0x4e);
    const Outcome out = judge(lab, {evidence});
    expect_failure(out, "gpu.count", Errc::malformed, "G5: a nonce has 32 bytes");
    EXPECT_EQ(out.verdict.claims.at("gpus"), "none");
  }
}

// --- Revocation ---

class GpuRevocation : public ::testing::Test {
 protected:
  Outcome judge_with_answers() {
    const GpuEvidence device = lab_.evidence();
    GpuReferences references = lab_.references();
    references.ocsp = lab_.ocsp(device, references.driver_rims[0]);
    const auto more = lab_.ocsp(device, references.vbios_rims[0]);
    references.ocsp.insert(references.ocsp.end(), more.begin(), more.end());
    append_extra(references);
    return judge(lab_, {device}, &references, policy_);
  }
  virtual void append_extra(GpuReferences& /*references*/) {}

  GpuLab lab_;
  Policy policy_ = lab_.policy();
};

TEST_F(GpuRevocation, GoodAnswersForAllPass) {
  policy_.gpu.require_ocsp = true;
  const Outcome out = judge_with_answers();
  ASSERT_TRUE(out.proof) << out.proof.error().message;
  for (const char* id : {"gpu.device.ocsp", "rim.driver.ocsp", "rim.vbios.ocsp"}) {
    EXPECT_EQ(find_check(out.verdict, id)->status, CheckStatus::pass) << id;
  }
}

TEST_F(GpuRevocation, AnswersMayBeDemanded) {
  policy_.gpu.require_ocsp = true;
  const Outcome out = judge(lab_, {lab_.evidence()}, policy_);
  expect_failure(out, "gpu.device.ocsp", Errc::unavailable, "G20: no answer");
  EXPECT_EQ(find_check(out.verdict, "rim.driver.ocsp")->status, CheckStatus::fail);
  EXPECT_EQ(out.verdict.claims.at("ocsp_findings").size(), 9U);
}

TEST_F(GpuRevocation, AnswersThatNobodyDemandsAreJudgedToo) {
  lab_.answers[1].status = crypto::ocsp_revoked(lab_.at);
  const Outcome out = judge_with_answers();
  expect_failure(out, "gpu.device.ocsp", Errc::untrusted, "G21: revoked: Lab Provisioner");
  EXPECT_EQ(out.verdict.claims.at("ocsp_findings"), Json::array({"ocsp_revoked"}));
}

TEST_F(GpuRevocation, TheGracePolicyCountsFromNextUpdate) {
  lab_.answers[4].until = lab_.at - std::chrono::hours{6};
  lab_.answers[4].from = lab_.at - std::chrono::hours{30};
  expect_failure(judge_with_answers(), "rim.driver.ocsp", Errc::expired,
                 "G22: an answer that is too old: Lab RIM L3");
  policy_.gpu.ocsp_grace = std::chrono::hours{6};
  EXPECT_TRUE(judge_with_answers().proof);
  policy_.gpu.ocsp_grace = std::chrono::hours{6} - std::chrono::seconds{1};
  EXPECT_FALSE(judge_with_answers().proof);
}

TEST_F(GpuRevocation, NoGraceForWhatIsRevoked) {
  lab_.answers[4].until = lab_.at - std::chrono::hours{6};
  lab_.answers[4].from = lab_.at - std::chrono::hours{30};
  lab_.answers[4].status = crypto::ocsp_revoked(lab_.at - std::chrono::hours{31});
  policy_.gpu.ocsp_grace = std::chrono::hours{60};
  expect_failure(judge_with_answers(), "rim.driver.ocsp", Errc::untrusted, "G21: revoked");
}

TEST_F(GpuRevocation, AnAnswerIsCurrentFromItsFirstToItsLastSecond) {
  lab_.answers[0].from = lab_.at;
  lab_.answers[1].until = lab_.at;
  EXPECT_TRUE(judge_with_answers().proof);
}

// Two answers about one certificate: the case's own, and a second of `lab_.answers`.
class GpuTwoAnswers : public GpuRevocation {
 protected:
  Outcome judge_after(const testing::LabAnswer& first, const testing::LabAnswer& second) {
    const GpuEvidence device = lab_.evidence();
    GpuReferences references = lab_.references();
    for (const auto& answer : {first, second}) {
      lab_.answers[0] = answer;
      for (const auto& rim : {references.driver_rims[0], references.vbios_rims[0]}) {
        const auto more = lab_.ocsp(device, rim);
        references.ocsp.insert(references.ocsp.end(), more.begin(), more.end());
      }
    }
    return judge(lab_, {device}, &references, policy_);
  }
};

TEST_F(GpuTwoAnswers, ACurrentAnswerReplacesAStaleOne) {
  testing::LabAnswer stale = lab_.answers[0];
  stale.until = lab_.at - std::chrono::hours{1};
  stale.from = lab_.at - std::chrono::hours{2};
  EXPECT_TRUE(judge_after(stale, lab_.answers[0]).proof);
  EXPECT_TRUE(judge_after(lab_.answers[0], stale).proof);
  EXPECT_FALSE(judge_after(stale, stale).proof);
}

TEST_F(GpuTwoAnswers, NothingTakesARevocationBack) {
  testing::LabAnswer stale = lab_.answers[0];
  stale.until = lab_.at - std::chrono::hours{1};
  stale.from = lab_.at - std::chrono::hours{2};
  testing::LabAnswer revoked = stale;
  revoked.status = crypto::ocsp_revoked(lab_.at - std::chrono::hours{3});
  for (const auto& other : {lab_.answers[0], stale}) {
    expect_failure(judge_after(revoked, other), "gpu.device.ocsp", Errc::untrusted, "G21: revoked");
    expect_failure(judge_after(other, revoked), "gpu.device.ocsp", Errc::untrusted, "G21: revoked");
  }
}

}  // namespace
}  // namespace confide::verify
