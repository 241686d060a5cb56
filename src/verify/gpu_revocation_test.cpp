// OCSP answers about devices and reference manifests.
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
using testing::expect_failure;
using testing::find_check;
using testing::GpuLab;
using testing::GpuOutcome;
using testing::judge;

class GpuRevocation : public ::testing::Test {
 protected:
  GpuOutcome judge_with_answers() {
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
  const GpuOutcome out = judge_with_answers();
  ASSERT_TRUE(out.proof) << out.proof.error().message;
  for (const char* id : {"gpu.device.ocsp", "rim.driver.ocsp", "rim.vbios.ocsp"}) {
    EXPECT_EQ(find_check(out.verdict, id)->status, CheckStatus::pass) << id;
  }
}

TEST_F(GpuRevocation, AnswersMayBeDemanded) {
  policy_.gpu.require_ocsp = true;
  const GpuOutcome out = judge(lab_, {lab_.evidence()}, policy_);
  expect_failure(out, "gpu.device.ocsp", Errc::unavailable, "G20: no answer");
  EXPECT_EQ(find_check(out.verdict, "rim.driver.ocsp")->status, CheckStatus::fail);
  EXPECT_EQ(out.verdict.claims.at("ocsp_findings").size(), 9U);
}

TEST_F(GpuRevocation, AnswersThatNobodyDemandsAreJudgedToo) {
  lab_.answers[1].status = crypto::ocsp_revoked(lab_.at);
  const GpuOutcome out = judge_with_answers();
  expect_failure(out, "gpu.device.ocsp", Errc::untrusted, "G21: revoked: Lab Provisioner");
  EXPECT_EQ(out.verdict.claims.at("ocsp_findings"), Json::array({"ocsp_revoked"}));
}

TEST_F(GpuRevocation, AForgedAnswerIsNotAMissingOne) {
  lab_.answers[1].spoiled = true;
  const GpuOutcome out = judge_with_answers();
  expect_failure(out, "gpu.device.ocsp", Errc::bad_signature, "G23");
  EXPECT_EQ(out.verdict.claims.at("ocsp_findings"), Json::array({"ocsp_invalid"}));
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
  GpuOutcome judge_after(const testing::LabAnswer& first, const testing::LabAnswer& second) {
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
