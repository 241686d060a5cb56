#include "verify/platform_policy.h"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "verify/tdx.h"
#include "verify/testing/tdx_lab.h"
#include "verify/testing/tdx_outcome.h"

namespace confide::verify {
namespace {

using ::testing::HasSubstr;

constexpr Time kThen = from_unix(1'700'000'000);
constexpr Time kLater = kThen + std::chrono::seconds{1};

void expect_refused(const Status& status, std::string_view rule) {
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::policy);
  EXPECT_THAT(status.error().message, HasSubstr(rule));
}

TEST(PlatformPolicy, AsksNothingByDefault) {
  const PlatformPolicy policy;
  EXPECT_FALSE(policy.asks());
  EXPECT_TRUE(accept_tcb_date(Time{}, policy));
  EXPECT_TRUE(accept_tcb_date(std::nullopt, policy));
  EXPECT_TRUE(accept_evaluation(0, policy));
  EXPECT_TRUE(accept_issue_date("TCB info", Time{}, policy));
  EXPECT_TRUE(accept_platform_id({}, policy));
}

TEST(PlatformPolicy, TheTcbLevelIsNotOlder) {
  PlatformPolicy policy;
  policy.min_tcb_date = kLater;
  EXPECT_TRUE(policy.asks());
  EXPECT_TRUE(accept_tcb_date(kLater, policy));
  expect_refused(accept_tcb_date(kThen, policy), "P1:");
  expect_refused(accept_tcb_date(std::nullopt, policy), "P1: the TCB is of no known date");
}

TEST(PlatformPolicy, TheCollateralIsNotOlder) {
  PlatformPolicy policy;
  policy.min_evaluation_data_number = 18;
  EXPECT_TRUE(policy.asks());
  EXPECT_TRUE(accept_evaluation(18, policy));
  expect_refused(accept_evaluation(17, policy), "P2:");

  PlatformPolicy dated;
  dated.min_issue_date = kLater;
  EXPECT_TRUE(dated.asks());
  EXPECT_TRUE(accept_issue_date("TCB info", kLater, dated));
  expect_refused(accept_issue_date("QE identity", kThen, dated), "P2: the QE identity");
}

TEST(PlatformPolicy, ThePlatformIsAnAcceptedOne) {
  crypto::SgxExtension pck;
  pck.fmspc.fill(0x11);
  pck.ppid.fill(0x22);
  PlatformPolicy by_model;
  by_model.fmspcs = {std::string(12, '1')};
  EXPECT_TRUE(by_model.asks());
  EXPECT_TRUE(accept_platform_id(pck, by_model));
  by_model.fmspcs = {std::string(12, '2')};
  expect_refused(accept_platform_id(pck, by_model), "P3: FMSPC 111111111111");

  PlatformPolicy by_machine;
  by_machine.ppids = {std::string(32, '2')};
  EXPECT_TRUE(by_machine.asks());
  EXPECT_TRUE(accept_platform_id(pck, by_machine));
  by_machine.ppids = {std::string(32, '1')};
  expect_refused(accept_platform_id(pck, by_machine), "P3: PPID");
}

// The same demands of a whole appraisal, in which nothing else is wrong.
struct PlatformAppraisalTest : ::testing::Test {
  void expect_verdict(bool passes, std::string_view reason) const {
    const auto outcome = testing::appraise(lab, policy);
    EXPECT_EQ(outcome.verdict.passed(), passes);
    for (const Check& check : outcome.verdict.checks()) {
      if (check.id != "policy.platform") {
        EXPECT_NE(check.status, CheckStatus::fail) << check.id;
        continue;
      }
      EXPECT_EQ(check.status, passes ? CheckStatus::pass : CheckStatus::fail);
      EXPECT_THAT(check.detail, HasSubstr(reason));
    }
  }

  std::string claim(const char* name) const {
    return testing::appraise(lab, lab.policy()).verdict.claims.at(name).get<std::string>();
  }

  testing::TdxLab lab;
  Policy policy = lab.policy();
};

TEST_F(PlatformAppraisalTest, WhatIsNotAskedIsSkipped) {
  const auto outcome = testing::appraise(lab, policy);
  const auto check = std::ranges::find(outcome.verdict.checks(), "policy.platform", &Check::id);
  EXPECT_EQ(check->status, CheckStatus::skip);
}

TEST_F(PlatformAppraisalTest, DatesCount) {
  const Time date = parse_rfc3339(claim("tcb_date")).value();
  policy.platform.min_tcb_date = date;
  expect_verdict(true, "");
  policy.platform.min_tcb_date = date + std::chrono::seconds{1};
  expect_verdict(false, "P1:");
}

TEST_F(PlatformAppraisalTest, TheCollateralsAgeCounts) {
  const Json claims = testing::appraise(lab, policy).verdict.claims;
  const auto number = claims.at("tcb_evaluation_data_number").get<std::int64_t>();
  policy.platform.min_evaluation_data_number = number;
  expect_verdict(true, "");
  policy.platform.min_evaluation_data_number = number + 1;
  expect_verdict(false, "P2: the TCB info has evaluation data number");
}

TEST_F(PlatformAppraisalTest, TheDateOfEachSignedTextCounts) {
  policy.platform.min_issue_date = lab.crl_from;
  expect_verdict(true, "");
  const std::string older = to_rfc3339(lab.crl_from - std::chrono::seconds{1});
  const std::string issued = lab.tcb_info.at("issueDate");
  lab.tcb_info["issueDate"] = older;
  expect_verdict(false, "P2: the TCB info was issued at");
  lab.tcb_info["issueDate"] = issued;
  lab.qe_identity["issueDate"] = older;
  expect_verdict(false, "P2: the QE identity was issued at");
}

TEST_F(PlatformAppraisalTest, WhatCouldNotBeJudgedIsNotAccepted) {
  policy.platform.fmspcs = {claim("fmspc")};
  const auto outcome = testing::appraise_tdx({}, lab.collateral(), policy, lab.at);
  const auto check = std::ranges::find(outcome.verdict.checks(), "policy.platform", &Check::id);
  EXPECT_EQ(check->status, CheckStatus::fail);
}

TEST_F(PlatformAppraisalTest, TheMachineCounts) {
  policy.platform.fmspcs = {claim("fmspc")};
  policy.platform.ppids = {claim("ppid")};
  expect_verdict(true, "");
  policy.platform.ppids = {std::string(32, 'f')};
  expect_verdict(false, "P3: PPID");
  policy.platform.ppids.clear();
  policy.platform.fmspcs = {std::string(12, 'f')};
  expect_verdict(false, "P3: FMSPC");
}

}  // namespace
}  // namespace confide::verify
