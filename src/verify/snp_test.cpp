#include "verify/snp.h"

#include <functional>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "verify/amd_roots.h"
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

TEST(Snp, AcceptsEveryProductAndBothKindsOfKeys) {
  for (const SnpProduct product : {SnpProduct::milan, SnpProduct::genoa, SnpProduct::turin}) {
    for (const SnpSigningKey key : {SnpSigningKey::vcek, SnpSigningKey::vlek}) {
      const SnpLab lab(product, key);
      const SnpOutcome outcome = appraise(lab, lab.policy());
      ASSERT_TRUE(outcome.proof) << why(outcome);
      EXPECT_EQ(outcome.proof->product(), product);
      EXPECT_EQ(outcome.proof->report().measurement, lab.report.measurement);
      EXPECT_TRUE(outcome.proof->simulated());
      EXPECT_TRUE(outcome.verdict.simulated);
      EXPECT_EQ(outcome.verdict.claims.at("product"), to_string(product));
      EXPECT_EQ(outcome.verdict.claims.at("crypto_ok"), true);
    }
  }
}

TEST(Snp, AcceptsEveryVersion) {
  for (std::uint32_t version = 2; version <= 5; ++version) {
    SnpLab lab;
    lab.report.version = version;
    const SnpOutcome outcome = appraise(lab, lab.policy());
    EXPECT_TRUE(outcome.proof) << version << " " << why(outcome);
  }
}

TEST(Snp, AcceptsWithoutArkAndCrl) {
  SnpLab lab;
  lab.with_ark = lab.with_crl = false;
  const SnpOutcome outcome = appraise(lab, lab.policy());
  ASSERT_TRUE(outcome.proof) << why(outcome);
  for (const Check& check : outcome.verdict.checks()) {
    const bool skipped = check.id == "snp.crl" || check.id == "snp.values";
    EXPECT_EQ(check.status, skipped ? CheckStatus::skip : CheckStatus::pass) << check.id;
  }
}

TEST(Snp, AcceptsCertificatesInPem) {
  const SnpLab lab;
  evidence::SnpCertificates certificates = lab.certificates();
  for (auto* const one : {&certificates.leaf, &certificates.ica, &certificates.ark}) {
    const auto certificate = crypto::Certificate::from_der(one->value()).value();
    *one = to_bytes(as_bytes(certificate.to_pem()));
  }
  certificates.crl = to_bytes(as_bytes(to_hex(*certificates.crl)));
  const SnpOutcome outcome = appraise(lab.report_bytes(), &certificates, lab.policy(), lab.at);
  EXPECT_TRUE(outcome.proof) << why(outcome);
}

TEST(Snp, AcceptsTheHardwareIdInADerOctetString) {
  SnpLab lab;
  lab.edit_extensions = [](SnpLab::Extensions& extensions) {
    for (auto& [oid, value] : extensions) {
      if (oid.ends_with("3704.1.4")) value.insert(value.begin(), {0x04, 0x40});
    }
  };
  const SnpOutcome outcome = appraise(lab, lab.policy());
  EXPECT_TRUE(outcome.proof) << why(outcome);
}

TEST(Snp, AcceptsAChipIdWithAVlek) {
  SnpLab lab(SnpProduct::milan, SnpSigningKey::vlek);
  for (const std::uint8_t byte : Bytes{0x00, 0x77}) {
    lab.report.chip_id.fill(byte);
    EXPECT_TRUE(appraise(lab, lab.policy()).proof);
  }
  lab.report.key_info.raw |= 2U;  // MASK_CHIP_KEY: no VCEK signs
  EXPECT_TRUE(appraise(lab, lab.policy()).proof);
}

TEST(Snp, BuiltInRootsAreNotSimulated) {
  const Policy policy = Policy::strict();
  EXPECT_EQ(amd_roots().size(), 3U);
  for (const crypto::Certificate& root : amd_roots()) {
    const auto same = [&root](const TrustRoot& r) { return r.certificate == root; };
    const auto at = std::ranges::find_if(policy.roots, same);
    ASSERT_NE(at, policy.roots.end()) << root.common_name();
    EXPECT_FALSE(at->simulated);
  }
  EXPECT_EQ(amd_roots()[0].common_name(), "ARK-Milan");
  EXPECT_EQ(amd_roots()[1].common_name(), "ARK-Genoa");
  EXPECT_EQ(amd_roots()[2].common_name(), "ARK-Turin");
}

TEST(Snp, ARootAnchorsItsOwnProductOnly) {
  const SnpLab lab;
  Policy policy = lab.policy();
  policy.roots.back().anchors = Anchor::amd_milan;
  EXPECT_TRUE(appraise(lab, policy).proof);
  policy.roots.back().anchors = Anchor::amd_genoa;
  expect_failure(appraise(lab, policy), "snp.chain", Errc::untrusted, "S6");
}

TEST(Snp, RefusesAnUntrustedRoot) {
  SnpLab lab;
  expect_failure(appraise(lab, Policy::strict()), "snp.chain", Errc::untrusted,
                 "the ARK is no trusted root");
  lab.with_ark = false;
  expect_failure(appraise(lab, Policy::strict()), "snp.chain", Errc::untrusted,
                 "no trusted root is named");
}

TEST(Snp, RefusesAnArkThatIsNotTheRoot) {
  const SnpLab lab;
  const SnpLab other;  // the same name and key, another certificate
  evidence::SnpCertificates certificates = lab.certificates();
  certificates.ark = other.certificates().ark;
  expect_failure(appraise(lab.report_bytes(), &certificates, lab.policy(), lab.at), "snp.chain",
                 Errc::untrusted, "the ARK is no trusted root");
}

TEST(Snp, TriesEveryRootOfTheName) {
  SnpLab lab;
  lab.with_ark = false;
  SnpLab other;
  other.ark.key = testing::lab_rsa_key(2);
  other.ark.request.subject_key = other.ark.key.public_key();
  Policy policy = other.policy();
  policy.trust(lab.root());
  EXPECT_TRUE(appraise(lab, policy).proof) << why(appraise(lab, policy));
}

TEST(Snp, RefusesWithoutCertificates) {
  const SnpLab lab;
  const SnpOutcome outcome = appraise(lab.report_bytes(), nullptr, lab.policy(), lab.at);
  EXPECT_EQ(outcome.verdict.claims.at("crypto_ok"), Json());
  EXPECT_EQ(outcome.verdict.claims.at("product"), "Milan");  // as the report says
  evidence::SnpCertificates certificates = lab.certificates();
  certificates.crl.reset();
  certificates.leaf.reset();
  expect_failure(appraise(lab.report_bytes(), &certificates, lab.policy(), lab.at),
                 "snp.certificates", Errc::unavailable, "no VCEK");
  certificates = lab.certificates();
  certificates.ica.reset();
  expect_failure(appraise(lab.report_bytes(), &certificates, lab.policy(), lab.at),
                 "snp.certificates", Errc::unavailable, "no ASK");
}

TEST(Snp, JudgesNothingWithoutItsInput) {
  const SnpLab lab;
  const SnpOutcome nothing = appraise(Bytes(), nullptr, lab.policy(), lab.at);
  EXPECT_FALSE(nothing.proof);
  for (const Check& check : nothing.verdict.checks()) {
    const bool skipped = check.id == "snp.crl" || check.id == "snp.values";
    EXPECT_EQ(check.status, skipped ? CheckStatus::skip : CheckStatus::fail) << check.id;
  }
}

TEST(Snp, ClaimsWhatTheReportSays) {
  SnpLab lab(SnpProduct::turin);
  lab.report.vmpl = 1;
  lab.report.committed = {.build = 28, .minor = 55, .major = 1};
  lab.report.current_tcb[7] = 220;
  const Json claims = appraise(lab, lab.policy()).verdict.claims;
  EXPECT_EQ(claims.at("informational"),
            Json::array({"vmpl=1", "provisional_firmware (committed != current)",
                         "reported_tcb != current_tcb"}));
  EXPECT_EQ(claims.at("policy_findings"), Json::array());
  const Json tcb{
      {"raw", "01040218000000db"}, {"fmc", 1}, {"bl", 4}, {"tee", 2}, {"snp", 24}, {"ucode", 219}};
  EXPECT_EQ(claims.at("reported_tcb"), tcb);
  EXPECT_EQ(claims.at("committed_ver"), "1.55.28");
  EXPECT_EQ(claims.at("cpuid_fam_mod_step"), "1a0201");
  EXPECT_EQ(claims.at("certificate").at("hw_id"), "c1c1c1c1c1c1c1c1");
}

TEST(Snp, ClaimsNameEveryKindOfKey) {
  const char* const names[] = {"VCEK",         "VLEK",         "reserved (2)", "reserved (3)",
                               "reserved (4)", "reserved (5)", "reserved (6)", "none"};
  for (std::uint32_t key = 0; key < 8; ++key) {
    SnpLab lab;
    lab.report.key_info.raw = key << 2U;
    const SnpOutcome outcome = appraise(lab, lab.policy());
    EXPECT_EQ(outcome.verdict.claims.at("signing_key"), names[key]);
    EXPECT_EQ(outcome.proof.has_value(), key == 0);
  }
}

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
