#include "verify/gpu_acceptance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"

namespace confide::verify {
namespace {

using evidence::GpuMode;
using ::testing::HasSubstr;

evidence::GpuOpaque sample() {
  evidence::GpuOpaque out;
  out.driver_version = "550.90.07";
  out.vbios_version = "96.00.9F.00.01";
  out.mode = GpuMode::spt;
  return out;
}

void expect_refusal(const Status& status, const char* reason) {
  ASSERT_EQ(refusal(status), Errc::policy);
  EXPECT_THAT(status.error().message, HasSubstr(reason));
}

TEST(GpuAcceptance, TheDefaultTakesEveryKnownMode) {
  evidence::GpuOpaque opaque = sample();
  for (const GpuMode mode : {GpuMode::spt, GpuMode::mpt, GpuMode::ppcie}) {
    opaque.mode = mode;
    EXPECT_TRUE(accept_mode(opaque, {}));
  }
  opaque.mode = GpuMode::unknown;
  expect_refusal(accept_mode(opaque, {}), "G30: mode unknown");
}

TEST(GpuAcceptance, NamedModesAreTheOnlyOnes) {
  GpuPolicy policy;
  policy.modes = {"MPT", "PPCIE"};
  expect_refusal(accept_mode(sample(), policy), "G30: mode SPT");
  policy.modes = {"SPT"};
  EXPECT_TRUE(accept_mode(sample(), policy));
  evidence::GpuOpaque silent = sample();
  silent.mode.reset();
  expect_refusal(accept_mode(silent, policy), "G30: the report does not state its mode");
}

TEST(GpuAcceptance, NamedArchitecturesAreTheOnlyOnes) {
  GpuPolicy policy;
  policy.architectures = {"BLACKWELL"};
  EXPECT_TRUE(accept_device("BLACKWELL", sample(), policy));
  expect_refusal(accept_device("HOPPER", sample(), policy), "G31: HOPPER");
}

TEST(GpuAcceptance, ListsAndFloorsOfDriverVersions) {
  GpuPolicy policy;
  policy.driver_versions = {"550.90.07"};
  policy.min_driver_version = "550.90.07";
  EXPECT_TRUE(accept_device("HOPPER", sample(), policy));
  policy.min_driver_version = "550.90.8";
  expect_refusal(accept_device("HOPPER", sample(), policy), "G32: 550.90.07 is below 550.90.8");
  policy = {};
  policy.driver_versions = {"550.144.03"};
  expect_refusal(accept_device("HOPPER", sample(), policy), "G32: 550.90.07 is not accepted");
}

TEST(GpuAcceptance, ListsAndFloorsOfVbiosVersions) {
  GpuPolicy policy;
  policy.vbios_versions = {"96.00.9F.00.01"};
  policy.min_vbios_version = "96.00.9E.00.FF";
  EXPECT_TRUE(accept_device("HOPPER", sample(), policy));
  policy.min_vbios_version = "96.00.A0";
  expect_refusal(accept_device("HOPPER", sample(), policy), "G33: 96.00.9F.00.01 is below");
  policy = {};
  policy.vbios_versions = {"96.00.A5.00.01"};
  expect_refusal(accept_device("HOPPER", sample(), policy), "G33: 96.00.9F.00.01 is not accepted");
}

TEST(GpuAcceptance, SwitchesHaveAListOfTheirOwn) {
  evidence::GpuOpaque device = sample();
  device.kind = evidence::GpuDeviceKind::nvswitch;
  GpuPolicy policy;
  policy.driver_versions = {"1"};
  policy.vbios_versions = {"1"};
  policy.min_driver_version = "999";
  policy.min_vbios_version = "FF";
  EXPECT_TRUE(accept_device("LS10", device, policy));
  policy.switch_bios_versions = {"96.10.55.00.01"};
  expect_refusal(accept_device("LS10", device, policy), "G33: 96.00.9F.00.01 is not accepted");
}

TEST(GpuAcceptance, ComparesVersionsPartByPart) {
  EXPECT_TRUE(is_at_least("550.90.07", "550.90.07", 10));
  EXPECT_TRUE(is_at_least("550.144.03", "550.90.07", 10));
  EXPECT_TRUE(is_at_least("580", "550.90.07", 10));
  EXPECT_TRUE(is_at_least("550.90.0", "550.90", 10));
  EXPECT_FALSE(is_at_least("550.90", "550.90.07", 10));
  EXPECT_FALSE(is_at_least("545.200", "550.90.07", 10));
  EXPECT_TRUE(is_at_least("96.00.a5", "96.00.9F", 16));
  for (const char* unreadable : {"", "x", "550.", ".90", "550.9a.07", "550 90", "99999999999"}) {
    EXPECT_FALSE(is_at_least(unreadable, "1", 10)) << unreadable;
    EXPECT_FALSE(is_at_least("550", unreadable, 10)) << unreadable;
  }
}

}  // namespace
}  // namespace confide::verify
