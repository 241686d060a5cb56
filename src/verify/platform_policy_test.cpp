#include "verify/platform_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  EXPECT_FALSE(policy.asks_collateral());
  EXPECT_FALSE(policy.asks_platform());
  EXPECT_TRUE(accept_tcb_date(Time{}, policy));
  EXPECT_TRUE(accept_evaluation(0, policy));
  EXPECT_TRUE(accept_issue_date("TCB info", Time{}, policy));
  EXPECT_TRUE(accept_platform({}, policy));
}

TEST(PlatformPolicy, TheTcbLevelIsNotOlder) {
  PlatformPolicy policy;
  policy.min_tcb_date = kLater;
  EXPECT_TRUE(accept_tcb_date(kLater, policy));
  expect_refused(accept_tcb_date(kThen, policy), "P1:");
}

TEST(PlatformPolicy, TheCollateralIsNotOlder) {
  PlatformPolicy policy;
  policy.min_evaluation_data_number = 18;
  EXPECT_TRUE(policy.asks_collateral());
  EXPECT_TRUE(accept_evaluation(18, policy));
  expect_refused(accept_evaluation(17, policy), "P2:");

  PlatformPolicy dated;
  dated.min_issue_date = kLater;
  EXPECT_TRUE(dated.asks_collateral());
  EXPECT_TRUE(accept_issue_date("TCB info", kLater, dated));
  expect_refused(accept_issue_date("QE identity", kThen, dated), "P2: the QE identity");
}

TEST(PlatformPolicy, ThePlatformIsAnAcceptedOne) {
  crypto::SgxExtension pck;
  pck.fmspc.fill(0x11);
  pck.ppid.fill(0x22);
  PlatformPolicy by_model;
  by_model.fmspcs = {std::string(12, '1')};
  EXPECT_TRUE(by_model.asks_platform());
  EXPECT_TRUE(accept_platform(pck, by_model));
  by_model.fmspcs = {std::string(12, '2')};
  expect_refused(accept_platform(pck, by_model), "P3: FMSPC 111111111111");

  PlatformPolicy by_machine;
  by_machine.ppids = {std::string(32, '2')};
  EXPECT_TRUE(by_machine.asks_platform());
  EXPECT_TRUE(accept_platform(pck, by_machine));
  by_machine.ppids = {std::string(32, '1')};
  expect_refused(accept_platform(pck, by_machine), "P3: PPID");
}

}  // namespace
}  // namespace confide::verify
