#include "verify/snp.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>
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
      const auto& checks = outcome.verdict.checks();
      const auto names = std::ranges::find(checks, "snp.chain.names", &Check::id);
      EXPECT_EQ(names->detail,
                fmt::format("a {} of {}", key == SnpSigningKey::vlek ? "VLEK" : "VCEK",
                            to_string(product)));
    }
  }
}

TEST(Snp, AcceptsEveryVersion) {
  for (std::uint32_t version = 2; version <= 5; ++version) {
    SnpLab lab;
    lab.report.version = version;
    const SnpOutcome outcome = appraise(lab, lab.policy());
    EXPECT_TRUE(outcome.proof) << version << " " << why(outcome);
    // Before version 3 the report does not name its product: the chain does.
    EXPECT_EQ(outcome.verdict.claims.at("product"), "Milan") << version;
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

TEST(Snp, UnderAVendorsRootItIsNotSimulated) {
  const SnpLab lab;
  Policy policy = lab.policy();
  policy.roots.back().simulated = false;
  const SnpOutcome outcome = appraise(lab, policy);
  ASSERT_TRUE(outcome.proof) << why(outcome);
  EXPECT_FALSE(outcome.verdict.simulated);
  EXPECT_FALSE(outcome.proof->simulated());
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

TEST(Snp, SaysWhatIsWrongWithAChain) {
  SnpLab expired;
  expired.leaf.request.not_after = expired.at - std::chrono::seconds{1};
  expect_failure(appraise(expired, expired.policy()), "snp.chain", Errc::expired, "S6: X.509");
  SnpLab old_list;
  old_list.crl_from -= std::chrono::days{30};
  old_list.crl_until = old_list.at - std::chrono::seconds{1};
  expect_failure(appraise(old_list, old_list.policy()), "snp.crl", Errc::expired, "S7: X.509");
  SnpLab revoked;
  revoked.ica.revoked = true;
  expect_failure(appraise(revoked, revoked.policy()), "snp.crl", Errc::untrusted, "S7: X.509");
  SnpLab forged;
  forged.edit_report = [](Bytes& report) { report[0x90] ^= 1U; };
  expect_failure(appraise(forged, forged.policy()), "snp.report.signature", Errc::bad_signature,
                 "S10");
}

TEST(Snp, RefusesWithoutCertificates) {
  const SnpLab lab;
  const SnpOutcome outcome = appraise(lab.report_bytes(), nullptr, lab.policy(), lab.at);
  EXPECT_EQ(outcome.verdict.claims.at("crypto_ok"), Json());
  EXPECT_EQ(outcome.verdict.claims.at("product"), "Milan");  // as the report says
  evidence::SnpCertificates certificates = lab.certificates();
  certificates.crl.reset();
  certificates.leaf.reset();
  const SnpOutcome without_leaf = appraise(lab.report_bytes(), &certificates, lab.policy(), lab.at);
  expect_failure(without_leaf, "snp.certificates", Errc::unavailable, "no VCEK");
  EXPECT_EQ(without_leaf.verdict.claims.at("crypto_ok"), Json());
  certificates = lab.certificates();
  certificates.ica.reset();
  expect_failure(appraise(lab.report_bytes(), &certificates, lab.policy(), lab.at),
                 "snp.certificates", Errc::unavailable, "no ASK");
  certificates = lab.certificates();
  certificates.ica->resize(8);
  expect_failure(appraise(lab.report_bytes(), &certificates, lab.policy(), lab.at),
                 "snp.certificates", Errc::malformed, "S4: ASK");
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

TEST(Snp, ClaimsWhatTheCertificateSays) {
  const SnpLab turin(SnpProduct::turin);
  const Json of_turin = appraise(turin, turin.policy()).verdict.claims.at("certificate");
  EXPECT_EQ(of_turin.at("fmc"), 1);
  EXPECT_EQ(of_turin.at("not_after"), to_rfc3339(turin.leaf.request.not_after));
  const SnpLab vlek(SnpProduct::milan, SnpSigningKey::vlek);
  const Json claims = appraise(vlek, vlek.policy()).verdict.claims.at("certificate");
  EXPECT_EQ(claims.at("csp_id"), "CN=cc.lab.example");
  EXPECT_FALSE(claims.contains("fmc") || claims.contains("hw_id"));
}

TEST(Snp, ClaimsNoMoreOfATcbThanCanBeRead) {
  SnpLab lab;
  lab.report.cpuid = {.family = 0x17, .model = 0x31, .stepping = 1};
  const Json unknown = appraise(lab.report_bytes(), nullptr, lab.policy(), lab.at).verdict.claims;
  EXPECT_TRUE(unknown.at("product").is_null());
  EXPECT_EQ(unknown.at("reported_tcb"), (Json{{"raw", "04020000000018db"}}));
  SnpLab reserved;
  reserved.report.launch_tcb[2] = 1;
  const Json claims = appraise(reserved, reserved.policy()).verdict.claims;
  EXPECT_EQ(claims.at("launch_tcb"), (Json{{"raw", "04020100000018db"}}));
}

TEST(Snp, ALeafOfAnUnknownCurveSignsNothing) {
  const SnpLab lab;
  evidence::SnpCertificates certificates = lab.certificates();
  const Bytes p384{0x2b, 0x81, 0x04, 0x00, 0x22};
  Bytes& leaf = *certificates.leaf;
  const auto at = std::search(leaf.begin(), leaf.end(), p384.begin(), p384.end());
  ASSERT_NE(at, leaf.end());
  *(at + 4) = 0x7f;
  EXPECT_TRUE(appraise(lab.report_bytes(), &certificates, lab.policy(), lab.at)
                  .failed("snp.report.signature"));
}

TEST(Snp, ClaimsWhatTheStrictPolicyRefuses) {
  SnpLab lab;
  lab.report.policy.raw = 0x40C0000;
  const SnpOutcome outcome = appraise(lab, lab.policy());
  EXPECT_EQ(outcome.verdict.claims.at("policy_findings"),
            Json::array({"policy_debug_allowed", "policy_migration_agent_allowed",
                         "policy_reserved_bits", "policy_bit_17_clear"}));
  EXPECT_EQ(outcome.verdict.claims.at("crypto_ok"), true);
  expect_failure(outcome, "snp.guest_policy", Errc::policy, "S14: policy_bit_17_clear");
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

}  // namespace
}  // namespace confide::verify
