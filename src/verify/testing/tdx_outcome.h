// Runs the appraisal on a lab's evidence and says what must come of it.
#pragma once

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evidence/testing/quote_bytes.h"
#include "verify/sgx.h"
#include "verify/tdx.h"
#include "verify/testing/tdx_lab.h"

namespace confide::verify::testing {

// Every verdict has all of them, in this order.
inline const std::vector<std::string> kChecks{
    "tdx.quote.parse",    "tdx.collateral",    "tdx.pck.chain",       "tdx.pck.extensions",
    "tdx.qe.signature",   "tdx.qe.binding",    "tdx.quote.signature", "tdx.tcb.info",
    "tdx.qe.identity",    "tdx.module",        "tdx.tcb.status",      "tdx.tcb.advisories",
    "policy.platform",    "tdx.td.attributes", "tdx.td.xfam",         "tdx.td.service",
    "policy.measurements"};
inline const std::vector<std::string> kSgxChecks{
    "sgx.quote.parse",        "sgx.collateral",     "sgx.pck.chain",       "sgx.pck.extensions",
    "sgx.qe.signature",       "sgx.qe.binding",     "sgx.quote.signature", "sgx.tcb.info",
    "sgx.qe.identity",        "sgx.tcb.status",     "sgx.tcb.advisories",  "policy.platform",
    "sgx.enclave.attributes", "policy.measurements"};

inline std::vector<std::string> ids_of(const Verdict& verdict) {
  std::vector<std::string> out;
  for (const Check& check : verdict.checks()) out.push_back(check.id);
  return out;
}

template <class Proof>
struct OutcomeOf {
  Verdict verdict;
  Result<Proof> proof = fail(Errc::internal, "not run");
};
using Outcome = OutcomeOf<VerifiedTdx>;
using SgxOutcome = OutcomeOf<VerifiedSgx>;

inline Outcome appraise_tdx(ByteView quote, const evidence::TdxCollateral& collateral,
                            const Policy& policy, Time at) {
  Outcome out;
  out.proof = verify_tdx(quote, &collateral, policy, at, out.verdict);
  return out;
}
inline SgxOutcome appraise_sgx(ByteView quote, const evidence::TdxCollateral& collateral,
                               const Policy& policy, Time at) {
  SgxOutcome out;
  out.proof = verify_sgx(quote, &collateral, policy, at, out.verdict);
  return out;
}
inline Outcome appraise(const TdxLab& lab, const Policy& policy) {
  return appraise_tdx(lab.quote(), lab.collateral(), policy, lab.at);
}
inline SgxOutcome appraise(const SgxLab& lab, const Policy& policy) {
  return appraise_sgx(lab.quote(), lab.collateral(), policy, lab.at);
}

inline const std::vector<std::string>& checks_of(const Outcome& /*outcome*/) { return kChecks; }
inline const std::vector<std::string>& checks_of(const SgxOutcome& /*outcome*/) {
  return kSgxChecks;
}

// The first failure is `id`, by `rule`, and nobody got a proof.
template <class Proof>
void expect_failure(const OutcomeOf<Proof>& outcome, const std::string& id, Errc code,
                    const std::string& rule) {
  ASSERT_FALSE(outcome.proof) << "accepted";
  EXPECT_FALSE(outcome.verdict.passed());
  EXPECT_EQ(ids_of(outcome.verdict), checks_of(outcome));
  const Check* first = outcome.verdict.first_failure();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->id, id) << first->detail;
  EXPECT_THAT(first->detail, ::testing::HasSubstr(rule));
  EXPECT_EQ(outcome.proof.error().code, code) << first->detail;
  EXPECT_THAT(outcome.proof.error().message, ::testing::HasSubstr(id));
}

}  // namespace confide::verify::testing
