// What a policy may demand of SEV-SNP reports.
#include "verify/snp_policy.h"

#include <functional>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "verify/testing/snp_lab.h"

namespace confide::verify {
namespace {

using evidence::SnpProduct;
using evidence::SnpSigningKey;
using testing::appraise;
using testing::expect_failure;
using testing::SnpLab;
using testing::SnpOutcome;
using testing::why;

// What a policy demands: refused as the lab comes, accepted once the report is as demanded.
struct Demand {
  std::string name;
  std::function<void(SnpPolicy&)> demand;
  std::function<void(SnpLab&)> fulfil;
  std::string check;
  std::string rule;
};
void PrintTo(const Demand& d, std::ostream* to) { *to << d.name; }

class SnpDemand : public ::testing::TestWithParam<Demand> {};

SnpOutcome under_demand(const Demand& demand, bool fulfilled) {
  SnpLab lab;
  lab.report.policy.raw |= 0x200000;  // CXL
  if (fulfilled) demand.fulfil(lab);
  Policy policy = lab.policy();
  EXPECT_TRUE(appraise(lab, policy).proof);
  demand.demand(policy.snp);
  return appraise(lab, policy);
}

TEST_P(SnpDemand, IsHeld) {
  expect_failure(under_demand(GetParam(), false), GetParam().check, Errc::policy, GetParam().rule);
  const SnpOutcome outcome = under_demand(GetParam(), true);
  EXPECT_TRUE(outcome.proof) << why(outcome);
}

std::string hex_of(std::size_t size, std::uint8_t byte) { return to_hex(Bytes(size, byte)); }

const Demand kDemands[] = {
    {"smt", [](SnpPolicy& p) { p.require_smt_disabled = true; },
     [](SnpLab& l) { l.report.policy.raw &= ~0x10000ULL; }, "snp.guest_policy", "S14: smt_allowed"},
    {"single_socket", [](SnpPolicy& p) { p.require_single_socket = true; },
     [](SnpLab& l) { l.report.policy.raw |= 0x100000; }, "snp.guest_policy",
     "S14: several_sockets_allowed"},
    {"cxl", [](SnpPolicy& p) { p.require_cxl_disabled = true; },
     [](SnpLab& l) { l.report.policy.raw &= ~0x200000ULL; }, "snp.guest_policy",
     "S14: cxl_allowed"},
    {"aes", [](SnpPolicy& p) { p.require_aes_256_xts = true; },
     [](SnpLab& l) { l.report.policy.raw |= 0x400000; }, "snp.guest_policy",
     "S14: aes_256_xts_not_demanded"},
    {"rapl", [](SnpPolicy& p) { p.require_rapl_disabled = true; },
     [](SnpLab& l) { l.report.policy.raw |= 0x800000; }, "snp.guest_policy", "S14: rapl_allowed"},
    {"hiding", [](SnpPolicy& p) { p.require_ciphertext_hiding = true; },
     [](SnpLab& l) { l.report.policy.raw |= 0x1000000; }, "snp.guest_policy",
     "S14: ciphertext_hiding_not_demanded"},
    {"swap", [](SnpPolicy& p) { p.require_page_swap_disabled = true; },
     [](SnpLab& l) { l.report.policy.raw |= 0x2000000; }, "snp.guest_policy",
     "S14: page_swap_allowed"},
    {"abi_minor", [](SnpPolicy& p) { p.min_abi = {.major = 0, .minor = 31}; },
     [](SnpLab& l) { l.report.policy.raw |= 0x1F; }, "snp.guest_policy", "S14: abi_below_minimum"},
    {"abi_major", [](SnpPolicy& p) { p.min_abi = {.major = 1, .minor = 31}; },
     [](SnpLab& l) { l.report.policy.raw |= 0x200; }, "snp.guest_policy", "S14: abi_below_minimum"},
    {"tsme", [](SnpPolicy& p) { p.require_tsme = true; },
     [](SnpLab& l) { l.report.platform_info.raw |= 2; }, "snp.platform_info", "S15: no_tsme"},
    {"tcb_bl", [](SnpPolicy& p) { p.min_tcb["Milan"].bl = 5; },
     [](SnpLab& l) { l.extension.bl = l.report.reported_tcb[0] = 5; }, "snp.tcb.floor",
     "S16: REPORTED_TCB below the floor: bl"},
    {"tcb_tee", [](SnpPolicy& p) { p.min_tcb["Milan"].tee = 3; },
     [](SnpLab& l) { l.extension.tee = l.report.reported_tcb[1] = 3; }, "snp.tcb.floor",
     "S16: REPORTED_TCB below the floor: tee"},
    {"tcb_snp", [](SnpPolicy& p) { p.min_tcb["Milan"].snp = 25; },
     [](SnpLab& l) { l.extension.snp = l.report.reported_tcb[6] = 25; }, "snp.tcb.floor",
     "S16: REPORTED_TCB below the floor: snp"},
    {"tcb_ucode", [](SnpPolicy& p) { p.min_tcb["Milan"].ucode = 220; },
     [](SnpLab& l) { l.extension.ucode = l.report.reported_tcb[7] = 220; }, "snp.tcb.floor",
     "S16: REPORTED_TCB below the floor: ucode"},
    {"launch_bl", [](SnpPolicy& p) { p.min_launch_tcb["Milan"].bl = 5; },
     [](SnpLab& l) { l.report.launch_tcb[0] = 5; }, "snp.tcb.floor",
     "S16: LAUNCH_TCB below the floor: bl"},
    {"firmware_build",
     [](SnpPolicy& p) { p.min_firmware = {.major = 1, .minor = 55, .build = 30}; },
     [](SnpLab& l) { l.report.committed.build = 30; }, "snp.firmware",
     "S17: version_below_minimum"},
    {"firmware_minor",
     [](SnpPolicy& p) { p.min_firmware = {.major = 1, .minor = 56, .build = 30}; },
     [](SnpLab& l) { l.report.committed = {.build = 30, .minor = 56, .major = 1}; }, "snp.firmware",
     "S17: version_below_minimum"},
    {"firmware_major", [](SnpPolicy& p) { p.min_firmware = {.major = 2, .minor = 0, .build = 0}; },
     [](SnpLab& l) { l.report.committed.major = 2; }, "snp.firmware", "S17: version_below_minimum"},
    {"mitigations", [](SnpPolicy& p) { p.required_mitigations = 0x0400000000000001; },
     [](SnpLab& l) { l.report.current_mit_vector[7] = 4; }, "snp.firmware",
     "S17: open_mitigations=0x400000000000000"},
    {"guest_svn", [](SnpPolicy& p) { p.min_guest_svn = 8; },
     [](SnpLab& l) { l.report.guest_svn = 8; }, "snp.guest", "S18: guest_svn=7"},
    {"measurement", [](SnpPolicy& p) { p.measurements = {hex_of(48, 0x4e), hex_of(48, 0x4f)}; },
     [](SnpLab& l) { l.report.measurement.fill(0x4f); }, "snp.values", "S19: measurement is 4d4d"},
    {"host_data", [](SnpPolicy& p) { p.host_data = {hex_of(32, 0x41)}; },
     [](SnpLab& l) { l.report.host_data.fill(0x41); }, "snp.values", "S19: host_data is 4040"},
    {"id_key", [](SnpPolicy& p) { p.id_key_digests = {hex_of(48, 0x1e)}; },
     [](SnpLab& l) { l.report.id_key_digest.fill(0x1e); }, "snp.values",
     "S19: id_key_digest is 1d1d"},
    {"author_key_en", [](SnpPolicy& p) { p.author_key_digests = {hex_of(48, 0xa0)}; },
     [](SnpLab& l) { l.report.key_info.raw |= 1; }, "snp.values", "S19: no author key"},
    {"family_id", [](SnpPolicy& p) { p.family_ids = {hex_of(16, 0xfb)}; },
     [](SnpLab& l) { l.report.family_id.fill(0xfb); }, "snp.values", "S19: family_id is fafa"},
    {"image_id", [](SnpPolicy& p) { p.image_ids = {hex_of(16, 0x17)}; },
     [](SnpLab& l) { l.report.image_id.fill(0x17); }, "snp.values", "S19: image_id is 1616"},
};

INSTANTIATE_TEST_SUITE_P(All, SnpDemand, ::testing::ValuesIn(kDemands),
                         [](const auto& one) { return one.param.name; });

TEST(SnpPolicyRules, AuthorKeysArePinnedByDigest) {
  SnpLab lab;
  lab.report.key_info.raw |= 1;
  Policy policy = lab.policy();
  policy.snp.author_key_digests = {hex_of(48, 0xa1)};
  expect_failure(appraise(lab, policy), "snp.values", Errc::policy, "S19: author_key_digest is a0");
}

TEST(SnpPolicyRules, PlatformDemandsAreHeld) {
  SnpLab lab;
  Policy policy = lab.policy();
  policy.snp.require_ecc = policy.snp.require_alias_check = true;
  EXPECT_TRUE(appraise(lab, policy).proof);
  lab.report.platform_info.raw = 0x01;
  EXPECT_TRUE(appraise(lab, lab.policy()).proof);
  lab.report.platform_info.raw = 0x21;
  expect_failure(appraise(lab, policy), "snp.platform_info", Errc::policy, "S15: no_ecc");
  lab.report.platform_info.raw = 0x05;
  expect_failure(appraise(lab, policy), "snp.platform_info", Errc::policy, "S15: no_alias_check");
}

TEST(SnpPolicyRules, AFloorOfTurinCountsItsFmc) {
  const SnpLab lab(SnpProduct::turin);
  Policy policy = lab.policy();
  policy.snp.min_tcb["Turin"] = {.fmc = 1, .bl = 4, .tee = 2, .snp = 24, .ucode = 219};
  EXPECT_TRUE(appraise(lab, policy).proof);
  policy.snp.min_tcb["Turin"].fmc = 2;
  expect_failure(appraise(lab, policy), "snp.tcb.floor", Errc::policy, "floor: fmc");
}

TEST(SnpPolicyRules, AProductWithoutAFloorAmongOthersIsRefused) {
  const SnpLab lab;
  Policy policy = lab.policy();
  policy.snp.min_tcb["Genoa"] = {};
  expect_failure(appraise(lab, policy), "snp.tcb.floor", Errc::policy, "no floor for REPORTED_TCB");
  policy.snp.min_tcb["Milan"] = {};
  EXPECT_TRUE(appraise(lab, policy).proof);
  policy.snp.min_launch_tcb["Genoa"] = {};
  expect_failure(appraise(lab, policy), "snp.tcb.floor", Errc::policy, "no floor for LAUNCH_TCB");
}

TEST(SnpPolicyRules, ProvisionalFirmwareMayBeRefused) {
  SnpLab lab;
  Policy policy = lab.policy();
  policy.snp.allow_provisional_firmware = false;
  EXPECT_TRUE(appraise(lab, policy).proof);
  lab.report.committed.build = 28;
  expect_failure(appraise(lab, policy), "snp.firmware", Errc::policy, "provisional_firmware");
  lab.report.committed.build = 29;
  lab.report.committed_tcb[7] = 218;
  expect_failure(appraise(lab, policy), "snp.firmware", Errc::policy, "provisional_firmware");
  policy.snp.allow_provisional_firmware = true;
  EXPECT_TRUE(appraise(lab, policy).proof);
}

TEST(SnpPolicyRules, ReportedBelowCurrentMayBeRefused) {
  SnpLab lab;
  lab.report.current_tcb[7] = lab.report.committed_tcb[7] = 220;
  Policy policy = lab.policy();
  EXPECT_TRUE(appraise(lab, policy).proof);
  policy.snp.allow_reported_below_current = false;
  expect_failure(appraise(lab, policy), "snp.firmware", Errc::policy,
                 "reported_tcb_is_not_current_tcb");
  lab.report.current_tcb = lab.report.committed_tcb = lab.report.reported_tcb;
  EXPECT_TRUE(appraise(lab, policy).proof);
}

TEST(SnpPolicyRules, VmplIsBounded) {
  SnpLab lab;
  Policy policy = lab.policy();
  lab.report.vmpl = 3;
  EXPECT_TRUE(appraise(lab, policy).proof);
  lab.report.vmpl = 4;
  expect_failure(appraise(lab, policy), "snp.guest", Errc::policy, "S18: vmpl=0x4");
  lab.report.vmpl = 0xFFFFFFFF;  // asked for by the host
  expect_failure(appraise(lab, policy), "snp.guest", Errc::policy, "S18: vmpl=0xffffffff");
  policy.snp.max_vmpl = 0;
  lab.report.vmpl = 1;
  expect_failure(appraise(lab, policy), "snp.guest", Errc::policy, "S18: vmpl=0x1");
}

TEST(SnpPolicyRules, DebugAndMigrationMayBeAllowed) {
  SnpLab lab;
  lab.report.policy.raw |= 0xC0000;
  Policy policy = lab.policy();
  policy.snp.allow_debug = policy.snp.allow_migration_agent = true;
  const SnpOutcome outcome = appraise(lab, policy);
  EXPECT_TRUE(outcome.proof) << why(outcome);
  EXPECT_EQ(outcome.verdict.claims.at("policy_findings"),
            Json::array({"policy_debug_allowed", "policy_migration_agent_allowed"}));
}

TEST(SnpPolicyRules, AMaskedChipIdIsAcceptedByConsentAndPinnedByTheCertificate) {
  SnpLab lab;
  lab.report.chip_id.fill(0);
  Policy policy = lab.policy();
  expect_failure(appraise(lab, policy), "snp.chip_id", Errc::policy, "S13: CHIP_ID is masked");
  policy.snp.allow_masked_chip_id = true;
  policy.snp.chip_ids = {hex_of(64, 0xc1)};
  const SnpOutcome outcome = appraise(lab, policy);
  EXPECT_TRUE(outcome.proof) << why(outcome);
}

TEST(SnpPolicyRules, ChipsArePinned) {
  SnpLab lab;
  Policy policy = lab.policy();
  policy.snp.chip_ids = {hex_of(64, 0xc1)};
  EXPECT_TRUE(appraise(lab, policy).proof);
  policy.snp.chip_ids = {hex_of(64, 0xc2)};
  expect_failure(appraise(lab, policy), "snp.values", Errc::policy, "S19: chip_id is c1");
  const SnpLab turin(SnpProduct::turin);
  policy = turin.policy();
  policy.snp.chip_ids = {hex_of(8, 0xc1) + hex_of(56, 0)};
  EXPECT_TRUE(appraise(turin, policy).proof);
  SnpLab vlek(SnpProduct::milan, SnpSigningKey::vlek);
  policy = vlek.policy();
  policy.snp.chip_ids = {hex_of(64, 0xc1)};
  EXPECT_TRUE(appraise(vlek, policy).proof);
  vlek.report.chip_id.fill(0);
  expect_failure(appraise(vlek, policy), "snp.values", Errc::policy, "S19: chip_id is 00");
}

TEST(SnpPolicyRules, ProvidersArePinned) {
  const SnpLab lab(SnpProduct::genoa, SnpSigningKey::vlek);
  Policy policy = lab.policy();
  policy.snp.csp_ids = {"CN=cc.lab.example"};
  EXPECT_TRUE(appraise(lab, policy).proof);
  policy.snp.csp_ids = {"CN=cc.other.example"};
  expect_failure(appraise(lab, policy), "snp.values", Errc::policy,
                 "S19: csp_id is CN=cc.lab.example");
  const SnpLab vcek;
  policy = vcek.policy();
  policy.snp.csp_ids = {"CN=cc.lab.example"};
  expect_failure(appraise(vcek, policy), "snp.values", Errc::policy, "S19: csp_id is");
}

TEST(SnpPolicyRules, OriginNeedsACertificate) {
  const SnpLab lab;
  Policy policy = lab.policy();
  policy.snp.chip_ids = {hex_of(64, 0xc1)};
  EXPECT_TRUE(appraise(lab.report_bytes(), nullptr, policy, lab.at).failed("snp.values"));
  // What the report itself says needs none to be compared.
  policy = lab.policy();
  policy.snp.measurements = {to_hex(lab.report.measurement)};
  EXPECT_FALSE(appraise(lab.report_bytes(), nullptr, policy, lab.at).failed("snp.values"));
}

TEST(SnpPolicyRules, VleksMayBeRefused) {
  const SnpLab vlek(SnpProduct::milan, SnpSigningKey::vlek);
  Policy policy = vlek.policy();
  policy.snp.allow_vlek = false;
  expect_failure(appraise(vlek, policy), "snp.values", Errc::policy, "S19: not signed by a VCEK");
  const SnpLab vcek;
  policy = vcek.policy();
  policy.snp.allow_vlek = false;
  EXPECT_TRUE(appraise(vcek, policy).proof);
}

TEST(SnpPolicyRules, ACrlMayBeDemanded) {
  SnpLab lab;
  Policy policy = lab.policy();
  policy.snp.require_crl = true;
  EXPECT_TRUE(appraise(lab, policy).proof);
  policy.snp.min_crl_this_update = lab.crl_from;
  EXPECT_TRUE(appraise(lab, policy).proof);
  policy.snp.min_crl_this_update = lab.crl_from + std::chrono::seconds{1};
  expect_failure(appraise(lab, policy), "snp.crl", Errc::policy, "S7: the CRL is of 2026-06-14");
  lab.with_crl = false;
  expect_failure(appraise(lab, policy), "snp.crl", Errc::unavailable, "S7: no CRL");
  policy.snp.require_crl = false;
  expect_failure(appraise(lab, policy), "snp.crl", Errc::unavailable, "S7: no CRL");
  policy.snp.require_crl = true;
  policy.snp.min_crl_this_update.reset();
  expect_failure(appraise(lab, policy), "snp.crl", Errc::unavailable, "S7: no CRL");
}

}  // namespace
}  // namespace confide::verify
