#include "verify/sgx.h"

#include <functional>
#include <ostream>
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
using testing::kSgxChecks;
using testing::SgxLab;
using testing::SgxOutcome;
using testing::TdxLab;

static_assert(!std::is_default_constructible_v<VerifiedSgx>);
static_assert(!std::is_constructible_v<VerifiedSgx, evidence::EnclaveReport, bool>);

class EachVersion : public ::testing::TestWithParam<int> {};

TEST_P(EachVersion, PassesAsItComes) {
  SgxLab lab;
  lab.header().version = static_cast<std::uint16_t>(GetParam());
  const SgxOutcome outcome = appraise(lab, lab.policy());
  ASSERT_TRUE(outcome.proof) << outcome.proof.error().message;
  EXPECT_EQ(ids_of(outcome.verdict), kSgxChecks);
  EXPECT_TRUE(outcome.verdict.simulated);
  EXPECT_TRUE(outcome.proof->simulated());
  EXPECT_EQ(outcome.proof->enclave().mr_enclave, lab.enclave().mr_enclave);
  const Json& claims = outcome.verdict.claims;
  EXPECT_EQ(claims.at("version"), GetParam());
  EXPECT_EQ(claims.at("body_type"), "sgx");
  EXPECT_EQ(claims.at("mr_enclave"), to_hex(Bytes(32, 0x3e)));
  EXPECT_EQ(claims.at("tcb_status"), "UpToDate");
  EXPECT_EQ(claims.at("crypto_ok"), true);
  EXPECT_EQ(claims.at("policy_findings"), Json::array());
  EXPECT_EQ(claims.at("tcb_components").at("qe_isvsvn"), 6);
}

INSTANTIATE_TEST_SUITE_P(VerifySgx, EachVersion, ::testing::Values(3, 4, 5));

TEST(VerifySgx, UnderAVendorsRootItIsNotSimulated) {
  const SgxLab lab;
  Policy policy = lab.policy();
  policy.roots.back().simulated = false;
  const SgxOutcome outcome = appraise(lab, policy);
  ASSERT_TRUE(outcome.proof) << outcome.proof.error().message;
  EXPECT_FALSE(outcome.verdict.simulated);
  EXPECT_FALSE(outcome.proof->simulated());
}

// That name is the PCK certificate's.
TEST(VerifySgx, TheReportsOwnCpuSvnIsNoClaimOfItsOwn) {
  const SgxLab lab;
  evidence::DcapQuote quote = lab.parts();
  quote.pck_chain_pem.clear();
  const Json claims = testing::appraise_sgx(evidence::testing::write_quote(quote), lab.collateral(),
                                            lab.policy(), lab.at)
                          .verdict.claims;
  EXPECT_TRUE(claims.at("body").contains("cpu_svn"));
  EXPECT_FALSE(claims.contains("cpu_svn"));
}

TEST(VerifySgx, ReadsTcbInfoOfVersion2) {
  SgxLab lab;
  lab.use_tcb_info_v2();
  EXPECT_TRUE(appraise(lab, lab.policy()).proof);
  lab.tcb_info["tcbLevels"][0]["tcb"]["sgxtcbcomp16svn"] = 4;
  expect_failure(appraise(lab, lab.policy()), "sgx.tcb.status", Errc::policy, "OutOfDate");
}

TEST(VerifySgx, TakesTheProcessorCaAsWell) {
  SgxLab lab;
  lab.platform_ca.request.common_name = "Intel SGX PCK Processor CA";
  const SgxOutcome outcome = appraise(lab, lab.policy());
  EXPECT_TRUE(outcome.proof);
  EXPECT_EQ(outcome.verdict.claims.at("pck").at("issuer"), "Intel SGX PCK Processor CA");
}

TEST(VerifySgx, DoesNotJudgeATd) {
  const TdxLab lab;
  SgxOutcome outcome;
  const auto collateral = lab.collateral();
  outcome.proof = verify_sgx(lab.quote(), &collateral, lab.policy(), lab.at, outcome.verdict);
  expect_failure(outcome, "sgx.quote.parse", Errc::unsupported, "T1");
}

TEST(VerifySgx, IsPinnedByEnclaveAndSigner) {
  SgxLab lab;
  lab.enclave().mr_enclave.fill(0x1e);
  lab.enclave().mr_signer.fill(0x51);
  const std::string enclave = to_hex(lab.enclave().mr_enclave);
  const std::string signer = to_hex(lab.enclave().mr_signer);
  Policy policy = lab.policy();
  policy.measurements = {{"mr_enclave", {enclave}}, {"mr_signer", {signer}}};
  EXPECT_TRUE(appraise(lab, policy).proof);
  policy.measurements = {{"mr_enclave", {signer}}};
  expect_failure(appraise(lab, policy), "policy.measurements", Errc::policy, "mr_enclave");
  policy.measurements = {{"mr_signer", {enclave}}};
  expect_failure(appraise(lab, policy), "policy.measurements", Errc::policy, "mr_signer");
}

TEST(VerifySgx, HasNoRegisterOfATd) {
  const SgxLab lab;
  Policy policy = lab.policy();
  policy.measurements = {{"mr_td", {std::string(96, '0')}}};
  expect_failure(appraise(lab, policy), "policy.measurements", Errc::policy, "T28");
}

struct Spoiling {
  std::string name;
  std::function<void(SgxLab&)> spoil;
  std::string check;
  Errc code;
  std::string rule;
};
void PrintTo(const Spoiling& s, std::ostream* to) { *to << s.name; }

class SpoiledSgx : public ::testing::TestWithParam<Spoiling> {};

TEST_P(SpoiledSgx, IsRefused) {
  SgxLab lab;
  GetParam().spoil(lab);
  expect_failure(appraise(lab, lab.policy()), GetParam().check, GetParam().code, GetParam().rule);
}

const Spoiling kSpoilings[] = {
    {"vendor", [](SgxLab& l) { l.header().qe_vendor_id[3] ^= 1U; }, "sgx.quote.parse",
     Errc::unsupported, "T2"},
    {"version", [](SgxLab& l) { l.header().version = 2; }, "sgx.quote.parse", Errc::unsupported,
     "version 2"},
    {"pck_expired", [](SgxLab& l) { l.pck.request.not_after = l.at - days{1}; }, "sgx.pck.chain",
     Errc::expired, "T6"},
    {"pck_revoked", [](SgxLab& l) { l.pck.revoked = true; }, "sgx.pck.chain", Errc::untrusted,
     "revoked"},
    {"no_extension", [](SgxLab& l) { l.with_extension = false; }, "sgx.pck.extensions",
     Errc::malformed, "T8"},
    {"qe_report_unbound", [](SgxLab& l) { l.bind_attestation_key = false; }, "sgx.qe.binding",
     Errc::mismatch, "T10"},
    {"signer_revoked", [](SgxLab& l) { l.tcb_signer.revoked = true; }, "sgx.tcb.info",
     Errc::untrusted, "T12"},
    {"tcb_info_for_tdx", [](SgxLab& l) { l.tcb_info["id"] = "OTHER"; }, "sgx.tcb.info",
     Errc::mismatch, "T13"},
    {"tcb_info_old",
     [](SgxLab& l) { l.tcb_info["nextUpdate"] = to_rfc3339(l.at - std::chrono::seconds{1}); },
     "sgx.tcb.info", Errc::expired, "T14"},
    {"fmspc", [](SgxLab& l) { l.platform.fmspc[5] = 7; }, "sgx.tcb.info", Errc::mismatch, "T15"},
    {"qe_id", [](SgxLab& l) { l.qe_identity["id"] = "TD_QE"; }, "sgx.qe.identity", Errc::mismatch,
     "T17"},
    {"qve_id", [](SgxLab& l) { l.qe_identity["id"] = "QVE"; }, "sgx.qe.identity", Errc::mismatch,
     "T17"},
    {"qe_product", [](SgxLab& l) { l.qe().isv_prod_id = 2; }, "sgx.qe.identity", Errc::mismatch,
     "ISVPRODID"},
    {"platform_old", [](SgxLab& l) { l.platform.tcb_components[15] = 2; }, "sgx.tcb.status",
     Errc::policy, "OutOfDate"},
    {"platform_revoked", [](SgxLab& l) { l.platform.tcb_components[0] = 1; }, "sgx.tcb.status",
     Errc::policy, "Revoked"},
    {"platform_unknown", [](SgxLab& l) { l.platform.tcb_components[0] = 0; }, "sgx.tcb.status",
     Errc::policy, "NotSupported"},
    {"pce_old", [](SgxLab& l) { l.platform.pce_svn = 10; }, "sgx.tcb.status", Errc::policy,
     "NotSupported"},
    {"qe_old", [](SgxLab& l) { l.qe().isv_svn = 5; }, "sgx.tcb.status", Errc::policy, "OutOfDate"},
    {"qe_too_old", [](SgxLab& l) { l.qe().isv_svn = 3; }, "sgx.tcb.status", Errc::policy,
     "NotSupported"},
    {"debug", [](SgxLab& l) { l.enclave().attributes[0] |= 2U; }, "sgx.enclave.attributes",
     Errc::policy, "T32: sgx_debug"},
};

INSTANTIATE_TEST_SUITE_P(EachRule, SpoiledSgx, ::testing::ValuesIn(kSpoilings),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace confide::verify
