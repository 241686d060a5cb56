// Judges devices of a GpuLab and says what must come of it.
#pragma once

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "verify/gpu.h"
#include "verify/testing/gpu_lab.h"

namespace confide::verify::testing {

struct GpuOutcome {
  Verdict verdict;
  Result<VerifiedGpus> proof = fail(Errc::internal, "not run");
};

inline GpuOutcome judge(const GpuLab& lab, const std::vector<evidence::GpuEvidence>& devices,
                        const evidence::GpuReferences* references, const Policy& policy) {
  GpuOutcome out;
  out.proof = verify_gpus(devices, references, lab.nonce, policy, lab.at, out.verdict);
  EXPECT_EQ(out.proof.has_value(), out.verdict.passed());
  return out;
}

inline GpuOutcome judge(const GpuLab& lab, const std::vector<evidence::GpuEvidence>& devices,
                        const Policy& policy) {
  evidence::GpuReferences references = lab.references();
  references.vbios_rims.push_back(lab.rim(lab.switch_rim));
  return judge(lab, devices, &references, policy);
}
inline GpuOutcome judge(const GpuLab& lab, const std::vector<evidence::GpuEvidence>& devices) {
  return judge(lab, devices, lab.policy());
}
inline GpuOutcome judge(const GpuLab& lab) { return judge(lab, {lab.evidence()}); }

inline const Check* find_check(const Verdict& verdict, const std::string& id) {
  for (const Check& check : verdict.checks()) {
    if (check.id == id) return &check;
  }
  return nullptr;
}

inline void expect_failure(const GpuOutcome& outcome, const std::string& id, Errc code,
                           const std::string& reason) {
  ASSERT_FALSE(outcome.proof);
  const Check* first = outcome.verdict.first_failure();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->id, id) << first->detail;
  EXPECT_THAT(first->detail, ::testing::HasSubstr(reason));
  EXPECT_EQ(outcome.proof.error().code, code);
  EXPECT_THAT(outcome.proof.error().message, ::testing::HasSubstr(id));
}

}  // namespace confide::verify::testing
