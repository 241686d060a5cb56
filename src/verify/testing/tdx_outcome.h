// Runs the appraisal on a TdxLab's evidence and says what must come of it.
#pragma once

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "verify/testing/tdx_lab.h"

namespace confide::verify::testing {

// Every verdict has all of them, in this order.
inline const std::vector<std::string> kChecks{
    "tdx.quote.parse",   "tdx.collateral",     "tdx.pck.chain",       "tdx.pck.extensions",
    "tdx.qe.signature",  "tdx.qe.binding",     "tdx.quote.signature", "tdx.tcb.info",
    "tdx.qe.identity",   "tdx.module",         "tdx.tcb.status",      "tdx.tcb.advisories",
    "tdx.td.attributes", "policy.measurements"};

inline std::vector<std::string> ids_of(const Verdict& verdict) {
  std::vector<std::string> out;
  for (const Check& check : verdict.checks()) out.push_back(check.id);
  return out;
}

struct Outcome {
  Verdict verdict;
  Result<VerifiedTdx> proof;
};

inline Outcome appraise(const TdxLab& lab, const Policy& policy) {
  Outcome out{.verdict = {}, .proof = fail(Errc::internal, "not run")};
  const evidence::TdxCollateral collateral = lab.collateral();
  out.proof = verify_tdx(lab.quote(), &collateral, policy, lab.at, out.verdict);
  return out;
}

// The first failure is `id`, by `rule`, and nobody got a proof.
inline void expect_failure(const Outcome& outcome, const std::string& id, Errc code,
                           const std::string& rule) {
  ASSERT_FALSE(outcome.proof) << "accepted";
  EXPECT_FALSE(outcome.verdict.passed());
  EXPECT_EQ(ids_of(outcome.verdict), kChecks);
  const Check* first = outcome.verdict.first_failure();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->id, id) << first->detail;
  EXPECT_THAT(first->detail, ::testing::HasSubstr(rule));
  EXPECT_EQ(outcome.proof.error().code, code) << first->detail;
  EXPECT_THAT(outcome.proof.error().message, ::testing::HasSubstr(id));
}

}  // namespace confide::verify::testing
