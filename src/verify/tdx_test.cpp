#include "verify/tdx.h"

#include <algorithm>
#include <set>
#include <string>
#include <type_traits>

#include <gtest/gtest.h>

#include "verify/testing/tdx_outcome.h"

namespace confide::verify {
namespace {

using std::chrono::days;
using testing::appraise;
using testing::expect_failure;
using testing::ids_of;
using testing::kChecks;
using testing::Outcome;
using testing::TdxLab;

static_assert(!std::is_default_constructible_v<VerifiedTdx>);
static_assert(!std::is_constructible_v<VerifiedTdx, evidence::TdReport, bool>);

TEST(VerifyTdx, PassesAsItComes) {
  const TdxLab lab;
  const Outcome outcome = appraise(lab, lab.policy());
  ASSERT_TRUE(outcome.proof) << outcome.proof.error().message;
  EXPECT_TRUE(outcome.verdict.passed());
  EXPECT_EQ(ids_of(outcome.verdict), kChecks);
  EXPECT_TRUE(outcome.verdict.simulated);
  EXPECT_TRUE(outcome.proof->simulated());
  EXPECT_EQ(to_hex(outcome.proof->td().mr_td), to_hex(Bytes(48, 0x4d)));
  EXPECT_EQ(outcome.verdict.claims.at("mr_td"), to_hex(Bytes(48, 0x4d)));
  EXPECT_EQ(outcome.verdict.claims.at("tcb_status"), "UpToDate");
  EXPECT_EQ(outcome.verdict.claims.at("advisory_ids"), Json::array());
  EXPECT_EQ(outcome.verdict.claims.at("fmspc"), "010203040506");
  EXPECT_EQ(outcome.verdict.checks().back().status, CheckStatus::skip);
}

TEST(VerifyTdx, AnUnnamedRootIsNotTrusted) {
  const TdxLab lab;
  const Outcome outcome = appraise(lab, Policy::strict());
  expect_failure(outcome, "tdx.pck.chain", Errc::untrusted, "T6: no trusted root");
  EXPECT_FALSE(outcome.verdict.simulated);
}

TEST(VerifyTdx, OnlyAVendorsRootIsNotSimulated) {
  const TdxLab lab;
  Policy policy = lab.policy();
  policy.roots.back().simulated = false;
  const Outcome outcome = appraise(lab, policy);
  ASSERT_TRUE(outcome.proof);
  EXPECT_FALSE(outcome.proof->simulated());
  EXPECT_FALSE(outcome.verdict.simulated);
}

TEST(VerifyTdx, TheChainMayLeaveOutItsRoot) {
  const TdxLab lab;
  evidence::DcapQuote quote = lab.parts();
  quote.pck_chain_pem = lab.made().pck.to_pem() + lab.made().platform_ca.to_pem();
  EXPECT_TRUE(testing::appraise_tdx(evidence::testing::write_quote(quote), lab.collateral(),
                                    lab.policy(), lab.at)
                  .proof);
}

TEST(VerifyTdx, PassesInTheFirstAndLastSecondOfItsDocuments) {
  TdxLab lab;
  lab.tcb_info["issueDate"] = lab.tcb_info["nextUpdate"] = to_rfc3339(lab.at);
  lab.qe_identity["issueDate"] = lab.qe_identity["nextUpdate"] = to_rfc3339(lab.at);
  EXPECT_TRUE(appraise(lab, lab.policy()).proof);
}

TEST(VerifyTdx, ClaimsWhenEverythingEnds) {
  TdxLab lab;
  lab.pck.request.not_after = lab.at + days{3};
  const Json claims = appraise(lab, lab.policy()).verdict.claims;
  EXPECT_EQ(claims.at("earliest_expiry"), to_rfc3339(lab.at + days{3}));
  const Json& collateral = claims.at("collateral");
  EXPECT_EQ(collateral.at("pck_crl").at("this_update"), to_rfc3339(lab.crl_from));
  EXPECT_EQ(collateral.at("root_ca_crl").at("next_update"), to_rfc3339(lab.crl_until));
  EXPECT_EQ(collateral.at("tcb_info").at("issue_date"), lab.tcb_info.at("issueDate"));
  EXPECT_EQ(collateral.at("qe_identity").at("next_update"), lab.qe_identity.at("nextUpdate"));
  EXPECT_EQ(claims.at("tcb_evaluation_data_number"), 20);
  EXPECT_EQ(claims.at("tcb_date"), "2026-01-01T00:00:00Z");
  EXPECT_EQ(claims.at("pck").at("not_after"), to_rfc3339(lab.at + days{3}));
  EXPECT_EQ(claims.at("pck").at("issuer"), "Intel SGX PCK Platform CA");
}

// What the numbers reach is shown; what they are worth, only of a genuine quote.
TEST(VerifyTdx, ClaimsNoStatusOfAForgedQuote) {
  const TdxLab lab;
  evidence::DcapQuote quote = lab.parts();
  quote.signature[0] ^= 1U;
  const Json claims = testing::appraise_tdx(evidence::testing::write_quote(quote), lab.collateral(),
                                            lab.policy(), lab.at)
                          .verdict.claims;
  EXPECT_EQ(claims.at("crypto_ok"), false);
  EXPECT_FALSE(claims.contains("tcb_status"));
  EXPECT_EQ(claims.at("tcb_components").at("level_status"), "UpToDate");
  EXPECT_EQ(claims.at("tcb_components").at("module_id"), "TDX_01");
}

TEST(VerifyTdx, ClaimsTheLevelsThatItFound) {
  const TdxLab lab;
  const Json levels = appraise(lab, lab.policy()).verdict.claims.at("tcb_components");
  EXPECT_EQ(levels.at("level_status"), "UpToDate");
  EXPECT_TRUE(levels.at("level_date").is_string());
  EXPECT_EQ(levels.at("sgx_level_status"), "UpToDate");
}

TEST(VerifyTdx, ClaimsNothingOfALevelThatThereIsNot) {
  TdxLab lab;
  lab.platform.tcb_components.fill(0);
  const Outcome outcome = appraise(lab, lab.policy());
  const Json& levels = outcome.verdict.claims.at("tcb_components");
  for (const char* name : {"level_status", "level_date", "sgx_level_status", "module_id",
                           "module_status", "after_relaunch"}) {
    EXPECT_TRUE(levels.at(name).is_null()) << name;
  }
  EXPECT_EQ(levels.at("qe_status"), "UpToDate");
  EXPECT_EQ(outcome.verdict.claims.at("advisory_ids"), Json::array());
  EXPECT_TRUE(outcome.verdict.claims.at("tcb_date").is_null());
  const auto& checks = outcome.verdict.checks();
  const auto at = std::ranges::find(checks, "tdx.tcb.advisories", &Check::id);
  ASSERT_NE(at, checks.end());
  EXPECT_EQ(at->status, CheckStatus::fail);
  EXPECT_THAT(at->detail, ::testing::HasSubstr("T26: no level"));
}

TEST(VerifyTdx, JudgesNoEnclave) {
  const testing::SgxLab lab;
  expect_failure(testing::appraise_tdx(lab.quote(), lab.collateral(), lab.policy(), lab.at),
                 "tdx.quote.parse", Errc::unsupported, "T1");
}

TEST(TdxAdvisories, OfAnUpToDatePlatformAreDealtWith) {
  TdxLab lab;
  lab.tcb_info["tcbLevels"][0]["advisoryIDs"].push_back("INTEL-SA-00999");
  EXPECT_TRUE(appraise(lab, lab.policy()).proof);
}

TEST(TdxModule, IsFoundInEitherCase) {
  for (const char* id : {"TDX_0A", "tdx_0a", "Tdx_0A"}) {
    TdxLab lab;
    lab.td().tee_tcb_svn[1] = 10;
    lab.tcb_info["tdxModuleIdentities"][0]["id"] = id;
    EXPECT_TRUE(appraise(lab, lab.policy()).proof) << id;
  }
}

TEST(Td15, PassesAsItComes) {
  TdxLab lab;
  lab.use_td15();
  const Outcome outcome = appraise(lab, lab.policy());
  ASSERT_TRUE(outcome.proof) << outcome.proof.error().message;
  const Json& claims = outcome.verdict.claims;
  EXPECT_EQ(claims.at("version"), 5);
  EXPECT_EQ(claims.at("body_type"), "td15");
  EXPECT_EQ(claims.at("body").at("tee_tcb_svn2"), to_hex(lab.td().td15->tee_tcb_svn2));
  EXPECT_EQ(claims.at("tcb_components").at("after_relaunch"), "UpToDate");
}

TEST(Td15, OfVersion5MayHoldTdx10) {
  TdxLab lab;
  lab.header().version = 5;
  const Outcome outcome = appraise(lab, lab.policy());
  ASSERT_TRUE(outcome.proof);
  EXPECT_EQ(outcome.verdict.claims.at("body_type"), "td10");
}

TEST(Td15, ARelaunchCanBeTolerated) {
  TdxLab lab;
  lab.use_td15();
  lab.td().tee_tcb_svn[0] = 4;
  Policy policy = lab.policy();
  policy.tolerated_tcb = {{.name = "TDRelaunchAdvised", .until = lab.at + days{1}}};
  policy.tolerated_advisories = {{.name = "INTEL-SA-00301", .until = lab.at + days{1}}};
  EXPECT_TRUE(appraise(lab, policy).proof);
}

TEST(Td15, AnOlderModuleNowDoesNotMatterToWhatWasLaunchedUnderANewOne) {
  TdxLab lab;
  lab.use_td15();
  lab.td().td15->tee_tcb_svn2[0] = 4;
  const Outcome outcome = appraise(lab, lab.policy());
  EXPECT_TRUE(outcome.proof);
  EXPECT_EQ(outcome.verdict.claims.at("tcb_components").at("after_relaunch"), "OutOfDate");
}

TEST(VerifyTdx, ARootOfTheSameNameIsNotTrusted) {
  const TdxLab lab;
  const TdxLab other;
  expect_failure(appraise(lab, other.policy()), "tdx.pck.chain", Errc::untrusted, "T6");
  Policy both = other.policy();
  both.trust(lab.policy().roots.back().certificate);
  EXPECT_TRUE(appraise(lab, both).proof);
}

TEST(VerifyTdx, NoCollateralFails) {
  const TdxLab lab;
  Verdict verdict;
  const auto proof = verify_tdx(lab.quote(), nullptr, lab.policy(), lab.at, verdict);
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().code, Errc::unavailable);
  EXPECT_EQ(ids_of(verdict), kChecks);
  std::set<std::string> failed;
  for (const Check& check : verdict.checks()) {
    if (check.status == CheckStatus::fail) failed.insert(check.id);
  }
  EXPECT_EQ(failed, (std::set<std::string>{"tdx.collateral", "tdx.pck.chain", "tdx.tcb.info",
                                           "tdx.qe.identity", "tdx.module", "tdx.tcb.status",
                                           "tdx.tcb.advisories"}));
}

TEST(VerifyTdx, NoQuoteFailsEveryCheckThatNeedsIt) {
  const TdxLab lab;
  const evidence::TdxCollateral collateral = lab.collateral();
  Verdict verdict;
  const auto proof = verify_tdx({}, &collateral, lab.policy(), lab.at, verdict);
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().code, Errc::malformed);
  EXPECT_EQ(ids_of(verdict), kChecks);
  for (const Check& check : verdict.checks()) {
    if (check.id == "tdx.collateral" || check.id.starts_with("policy.")) continue;
    EXPECT_EQ(check.status, CheckStatus::fail) << check.id;
  }
}

TEST(VerifyTdx, AnEarlierFailureInTheVerdictIsNotTheQuotes) {
  const TdxLab lab;
  const evidence::TdxCollateral collateral = lab.collateral();
  Verdict verdict;
  verdict.fail("something.else", "before");
  EXPECT_TRUE(verify_tdx(lab.quote(), &collateral, lab.policy(), lab.at, verdict));
  EXPECT_FALSE(verdict.passed());
}

TEST(TdxModule, OfVersionOneHasNoLevelsOfItsOwn) {
  TdxLab lab;
  lab.td().tee_tcb_svn = {5, 0, 4};
  const Outcome outcome = appraise(lab, lab.policy());
  EXPECT_TRUE(outcome.proof);
  EXPECT_TRUE(outcome.verdict.claims.at("tcb_components").at("module_id").is_null());
  lab.td().tee_tcb_svn[0] = 4;  // now the platform's levels judge it
  EXPECT_EQ(appraise(lab, lab.policy()).verdict.claims.at("tcb_status"), "NotSupported");
}

TEST(TdxModule, OfALaterVersionIsNotJudgedTwice) {
  TdxLab lab;
  lab.tcb_info["tcbLevels"][0]["tcb"]["tdxtcbcomponents"][0]["svn"] = 200;
  lab.tcb_info["tcbLevels"][0]["tcb"]["tdxtcbcomponents"][1]["svn"] = 200;
  EXPECT_TRUE(appraise(lab, lab.policy()).proof);
}

TEST(TdxAdvisories, AreThoseOfAllLevelsEachOnce) {
  TdxLab lab;
  lab.platform.tcb_components.fill(2);
  lab.td().tee_tcb_svn[0] = 4;
  lab.qe().isv_svn = 5;
  lab.tcb_info["tdxModuleIdentities"][0]["tcbLevels"][1]["advisoryIDs"].push_back("INTEL-SA-00101");
  EXPECT_EQ(appraise(lab, lab.policy()).verdict.claims.at("advisory_ids"),
            (Json::array({"INTEL-SA-00101", "INTEL-SA-00301", "INTEL-SA-00201"})));
}

struct Tolerating : ::testing::Test {
  Tolerating() {
    lab.platform.tcb_components.fill(2);
    policy = lab.policy();
  }

  TdxLab lab;
  Policy policy;
};

TEST_F(Tolerating, AStatusNeedsItsAdvisoriesToo) {
  policy.tolerated_tcb = {{.name = "OutOfDate", .until = lab.at + days{1}}};
  expect_failure(appraise(lab, policy), "tdx.tcb.advisories", Errc::policy, "INTEL-SA-00101");
  policy.tolerated_advisories = {{.name = "INTEL-SA-00101", .until = lab.at + days{1}}};
  EXPECT_TRUE(appraise(lab, policy).proof);
}

TEST_F(Tolerating, IsByName) {
  policy.tolerated_tcb = {{.name = "SWHardeningNeeded", .until = lab.at + days{1}}};
  expect_failure(appraise(lab, policy), "tdx.tcb.status", Errc::policy, "OutOfDate");
  policy.tolerated_tcb = {{.name = "OutOfDate", .until = lab.at + days{1}}};
  policy.tolerated_advisories = {{.name = "INTEL-SA-00102", .until = lab.at + days{1}}};
  expect_failure(appraise(lab, policy), "tdx.tcb.advisories", Errc::policy, "INTEL-SA-00101");
}

TEST_F(Tolerating, EndsAtItsTime) {
  policy.tolerated_tcb = {{.name = "OutOfDate", .until = lab.at}};
  policy.tolerated_advisories = {{.name = "INTEL-SA-00101", .until = lab.at + days{1}}};
  expect_failure(appraise(lab, policy), "tdx.tcb.status", Errc::policy, "OutOfDate");
  policy.tolerated_tcb[0].until = lab.at + std::chrono::seconds{1};
  policy.tolerated_advisories[0].until = lab.at;
  expect_failure(appraise(lab, policy), "tdx.tcb.advisories", Errc::policy, "INTEL-SA-00101");
}

TEST_F(Tolerating, NeverReachesRevokedOrUnknown) {
  policy.tolerated_tcb = {{.name = "Revoked", .until = lab.at + days{1}},
                          {.name = "NotSupported", .until = lab.at + days{1}}};
  TdxLab revoked;
  revoked.platform.tcb_components.fill(1);
  policy.trust(revoked.policy().roots.back().certificate);
  expect_failure(appraise(revoked, policy), "tdx.tcb.status", Errc::policy, "Revoked");
  TdxLab unknown;
  unknown.platform.tcb_components.fill(0);
  policy.trust(unknown.policy().roots.back().certificate);
  expect_failure(appraise(unknown, policy), "tdx.tcb.status", Errc::policy, "NotSupported");
}

TEST(TdxMeasurements, ArePinnedByName) {
  TdxLab lab;
  lab.td().rtmr[2].fill(0xab);
  const std::string rtmr2 = to_hex(Bytes(48, 0xab));
  Policy policy = lab.policy();
  policy.measurements = {{"rtmr2", {rtmr2, std::string(96, '0')}}, {"rtmr3", {}}};
  EXPECT_TRUE(appraise(lab, policy).proof);
  policy.measurements.emplace_back("mr_td", std::set<std::string>{rtmr2});
  expect_failure(appraise(lab, policy), "policy.measurements", Errc::policy, "mr_td");
  policy.measurements = {{"mr_enclave", {std::string(64, '0')}}};  // that is SGX's
  expect_failure(appraise(lab, policy), "policy.measurements", Errc::policy, "mr_enclave");
  policy.measurements = {{"rtmr4", {rtmr2}}};
  expect_failure(appraise(lab, policy), "policy.measurements", Errc::policy, "rtmr4");
}

// A quote that differs in any bit is refused, unless the bit is nobody's: then all that was read
// from it is the same.
bool reads_the_same(const Bytes& a, const Bytes& b) {
  const auto x = evidence::parse_dcap_quote(a).value();
  const auto y = evidence::parse_dcap_quote(b).value();
  return x.signed_bytes == y.signed_bytes && x.signature == y.signature &&
         x.attestation_key == y.attestation_key && x.qe_report_bytes == y.qe_report_bytes &&
         x.qe_report_signature == y.qe_report_signature && x.qe_auth_data == y.qe_auth_data &&
         crypto::parse_pem_chain(x.pck_chain_pem).value() ==
             crypto::parse_pem_chain(y.pck_chain_pem).value();
}

TEST(VerifyTdx, AFlippedBitIsRefusedOrNobodys) {
  const TdxLab lab;
  const Bytes good = lab.quote();
  const evidence::TdxCollateral collateral = lab.collateral();
  const Policy policy = lab.policy();
  // Every seventh byte meets each field; a bit of every byte would take minutes.
  std::size_t refused = 0;
  for (std::size_t i = 0; i < good.size(); i += 7) {
    Bytes spoiled = good;
    spoiled[i] = static_cast<std::uint8_t>(spoiled[i] ^ (1U << (i % 8)));
    Verdict verdict;
    if (verify_tdx(spoiled, &collateral, policy, lab.at, verdict)) {
      EXPECT_TRUE(reads_the_same(good, spoiled)) << "byte " << i;
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, good.size() / 8);
}

}  // namespace
}  // namespace confide::verify
