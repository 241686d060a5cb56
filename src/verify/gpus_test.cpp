// Several devices of one machine.
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
using testing::expect_failure;
using testing::find_check;
using testing::find_field;
using testing::GpuLab;
using testing::GpuOutcome;
using testing::judge;
using testing::LabDevice;
using ::testing::StartsWith;

// Two GPUs and the switch that both name.
struct Machine {
  GpuLab lab;
  LabDevice second = lab.make_gpu();
  std::vector<GpuEvidence> devices() const {
    return {lab.evidence(lab.gpu), lab.evidence(second), lab.evidence(lab.nvswitch)};
  }
};

TEST(Gpus, AWholeMachinePasses) {
  const Machine machine;
  const GpuOutcome out = judge(machine.lab, machine.devices());
  ASSERT_TRUE(out.proof) << out.proof.error().message;
  EXPECT_EQ(out.proof->gpu_count(), 2U);
  EXPECT_EQ(out.verdict.claims.at("gpus"), "all");
  EXPECT_EQ(out.verdict.claims.at("switches"), "all");
  EXPECT_EQ(out.verdict.claims.at("devices").size(), 3U);
  EXPECT_EQ(out.verdict.claims.at("evidence_findings").size(), 3U);
  EXPECT_EQ(out.verdict.claims.at("measurements").size(), 3U);
  EXPECT_EQ(out.verdict.claims.at("rim_ids").size(), 3U);
  EXPECT_FALSE(out.verdict.claims.contains("ueid"));
  EXPECT_THAT(out.verdict.checks()[0].detail, StartsWith("device 1: "));
}

TEST(Gpus, NoneIsNotAll) {
  const GpuLab lab;
  const GpuOutcome out = judge(lab, {});
  expect_failure(out, "gpu.count", Errc::policy, "G24: no evidence");
  EXPECT_EQ(out.verdict.claims.at("gpus"), "none");
  EXPECT_EQ(out.verdict.claims.at("evidence_ok"), false);
}

TEST(Gpus, NoneMayBeDemanded) {
  const GpuLab lab;
  Policy policy = lab.policy();
  policy.gpu.required = GpuDemand::none;
  EXPECT_TRUE(judge(lab, {}, policy).proof);
  policy.gpu.required = GpuDemand::any;
  expect_failure(judge(lab, {}, policy), "gpu.count", Errc::policy, "G24: no evidence");
}

TEST(Gpus, WhatIsGivenMustPassEvenIfNoneIsDemanded) {
  GpuLab lab;
  lab.gpu.report.request.nonce.fill(1);
  Policy policy = lab.policy();
  policy.gpu.required = GpuDemand::none;
  expect_failure(judge(lab, {lab.evidence()}, policy), "gpu.report.nonce", Errc::mismatch, "G5");
}

TEST(Gpus, SomeIsNotAll) {
  Machine machine;
  machine.second.report.request.nonce.fill(1);
  const GpuOutcome out = judge(machine.lab, machine.devices());
  expect_failure(out, "gpu.report.nonce", Errc::mismatch, "device 2: G5");
  EXPECT_EQ(out.verdict.claims.at("gpus"), "some");
  EXPECT_EQ(out.verdict.claims.at("gpu_count"), 1);
  EXPECT_EQ(out.verdict.claims.at("evidence_ok"), false);
  EXPECT_EQ(out.verdict.claims.at("devices").at(0).at("attested"), true);
  EXPECT_EQ(out.verdict.claims.at("devices").at(1).at("attested"), false);
  EXPECT_EQ(out.verdict.claims.at("evidence_findings").at(1), Json::array({"nonce"}));
}

TEST(Gpus, SomeMayBeEnough) {
  Machine machine;
  machine.second.report.request.nonce.fill(1);
  Policy policy = machine.lab.policy();
  policy.gpu.required = GpuDemand::any;
  const GpuOutcome out = judge(machine.lab, machine.devices(), policy);
  ASSERT_TRUE(out.proof) << out.proof.error().message;
  EXPECT_EQ(out.proof->gpu_count(), 1U);
  EXPECT_EQ(out.verdict.claims.at("gpus"), "some");
  const auto is_told = [&out](CheckStatus status, std::string_view id, std::string_view how) {
    return std::ranges::any_of(out.verdict.checks(), [&](const Check& check) {
      return check.id == id && check.status == status && check.detail.starts_with(how);
    });
  };
  EXPECT_TRUE(is_told(CheckStatus::pass, "gpu.report.nonce", "device 1: "));
  EXPECT_TRUE(is_told(CheckStatus::skip, "gpu.report.nonce", "not trusted, failed: device 2: G5"));
  EXPECT_TRUE(is_told(CheckStatus::skip, "gpu.device.fwid", "not trusted, unused: device 2: "));
}

TEST(Gpus, ADeviceThatIsNotTrustedDoesNotMakeTheRestGenuine) {
  const GpuLab lab;
  Policy policy = lab.policy();
  policy.gpu.required = GpuDemand::any;
  policy.gpu.require_reference_values = false;
  const GpuOutcome out = judge(lab, {lab.evidence(), GpuEvidence{}}, nullptr, policy);
  ASSERT_TRUE(out.proof) << out.proof.error().message;
  EXPECT_TRUE(out.proof->simulated());
}

TEST(Gpus, AnyMeansAGpuAndNotASwitch) {
  const GpuLab lab;
  Policy policy = lab.policy();
  policy.gpu.required = GpuDemand::any;
  expect_failure(judge(lab, {lab.evidence(lab.nvswitch)}, policy), "gpu.count", Errc::policy,
                 "G24: no GPU passed");
}

TEST(Gpus, AnyButNoneThatPasses) {
  GpuLab lab;
  lab.gpu.report.request.nonce.fill(1);
  Policy policy = lab.policy();
  policy.gpu.required = GpuDemand::any;
  const GpuOutcome out = judge(lab, {lab.evidence()}, policy);
  expect_failure(out, "gpu.count", Errc::policy, "G24: no GPU passed");
  EXPECT_EQ(out.verdict.claims.at("gpus"), "none");
}

TEST(Gpus, ALeastNumberCountsGpusThatPass) {
  const Machine machine;
  Policy policy = machine.lab.policy();
  policy.gpu.min_count = 2;
  EXPECT_TRUE(judge(machine.lab, machine.devices(), policy).proof);
  policy.gpu.min_count = 3;
  expect_failure(judge(machine.lab, machine.devices(), policy), "gpu.count", Errc::policy,
                 "G26: 2 GPUs passed, not 3");
}

TEST(Gpus, OneDeviceTwiceIsNotTwo) {
  const GpuLab lab;
  const GpuEvidence one = lab.evidence();
  expect_failure(judge(lab, {one, one}), "gpu.distinct", Errc::mismatch, "G25: one device");
}

TEST(Gpus, OneDeviceTwiceIsNotTwoWhateverIsDemanded) {
  GpuLab lab;
  const GpuEvidence one = lab.evidence();
  Policy policy = lab.policy();
  policy.gpu.required = GpuDemand::any;
  expect_failure(judge(lab, {one, one}, policy), "gpu.distinct", Errc::mismatch, "G25: one device");
  // All must pass, so those that do not are compared as well.
  LabDevice copy = lab.gpu;
  copy.report.request.nonce.fill(1);
  const GpuOutcome out = judge(lab, {one, lab.evidence(copy)});
  expect_failure(out, "gpu.report.nonce", Errc::mismatch, "device 2: G5");
  EXPECT_EQ(find_check(out.verdict, "gpu.distinct")->status, CheckStatus::fail);
}

TEST(Gpus, OneDeviceWithTwoCertificatesIsNotTwo) {
  GpuLab lab;
  LabDevice again = lab.gpu;
  again.chain[0] = lab.make_gpu().chain[0];
  expect_failure(judge(lab, {lab.evidence(lab.gpu), lab.evidence(again)}), "gpu.distinct",
                 Errc::mismatch, "G25: one device");
  again = lab.make_gpu();
  again.chain[0].key = lab.gpu.chain[0].key;
  again.chain[0].request.subject_key = lab.gpu.chain[0].key.public_key();
  expect_failure(judge(lab, {lab.evidence(lab.gpu), lab.evidence(again)}), "gpu.distinct",
                 Errc::mismatch, "G25: one device");
}

TEST(Gpus, TwoSwitchesHaveTwoIdentifiers) {
  const GpuLab lab;
  LabDevice second = lab.make_switch();
  expect_failure(judge(lab, {lab.evidence(lab.nvswitch), lab.evidence(second)}), "gpu.distinct",
                 Errc::mismatch, "G25: one switch");
  find_field(second.report, 22)->at(0) = 0xEE;
  EXPECT_TRUE(judge(lab, {lab.evidence(lab.nvswitch), lab.evidence(second)}).proof);
}

TEST(Gpus, ADeviceThatIsNotTrustedCannotSpoilAnother) {
  GpuLab lab;
  LabDevice copy = lab.gpu;
  copy.report.request.nonce.fill(1);
  Policy policy = lab.policy();
  policy.gpu.required = GpuDemand::any;
  EXPECT_TRUE(judge(lab, {lab.evidence(lab.gpu), lab.evidence(copy)}, policy).proof);
}

TEST(Gpus, GpusThatNameOtherSwitchesAreOfTwoMachines) {
  Machine machine;
  find_field(machine.second.report, 22)->at(0) = 0xEE;
  expect_failure(judge(machine.lab, machine.devices()), "gpu.topology", Errc::mismatch,
                 "G27: the GPUs name different switches");
}

TEST(Gpus, LinksThatLeadNowhereDoNotCount) {
  Machine machine;
  Bytes& links = *find_field(machine.second.report, 22);
  std::fill_n(links.begin(), 8, std::uint8_t{0});
  EXPECT_TRUE(judge(machine.lab, machine.devices()).proof);
}

TEST(Gpus, TheSwitchesGivenAreThoseTheGpusName) {
  Machine machine;
  find_field(machine.lab.nvswitch.report, 22)->at(0) = 0xEE;
  expect_failure(judge(machine.lab, machine.devices()), "gpu.topology", Errc::mismatch,
                 "G27: the GPUs name 1 switches, 1 gave evidence, and they differ");
}

TEST(Gpus, SwitchesWriteTheirIdentifierTheOtherWayRound) {
  Machine machine;
  *find_field(machine.lab.nvswitch.report, 22) = {8, 7, 6, 5, 4, 3, 2, 1};
  expect_failure(judge(machine.lab, machine.devices()), "gpu.topology", Errc::mismatch, "G27");
}

TEST(Gpus, SwitchesNameTheSameGpus) {
  Machine machine;
  LabDevice second = machine.lab.make_switch();
  *find_field(second.report, 22) = Bytes(8, 9);
  for (LabDevice* gpu : {&machine.lab.gpu, &machine.second}) {
    append(*find_field(gpu->report, 22), Bytes(8, 9));
  }
  auto devices = machine.devices();
  devices.push_back(machine.lab.evidence(second));
  EXPECT_TRUE(judge(machine.lab, devices).proof);
  find_field(second.report, 26)->at(0) = 0x7F;
  devices.back() = machine.lab.evidence(second);
  expect_failure(judge(machine.lab, devices), "gpu.topology", Errc::mismatch,
                 "G27: the switches name different GPUs");
}

TEST(Gpus, SwitchesThatAreNotGivenMayBeDemanded) {
  const GpuLab lab;
  EXPECT_TRUE(judge(lab).proof);
  Policy policy = lab.policy();
  policy.gpu.require_switches = true;
  expect_failure(judge(lab, {lab.evidence()}, policy), "gpu.topology", Errc::mismatch,
                 "G27: the GPUs name 1 switches, 0 gave evidence");
  EXPECT_TRUE(judge(lab, {lab.evidence(lab.gpu), lab.evidence(lab.nvswitch)}, policy).proof);
}

TEST(Gpus, GpusWithoutSwitchesNeedNone) {
  GpuLab lab;
  evidence::testing::drop_field(lab.gpu.report, 22);
  Policy policy = lab.policy();
  policy.gpu.require_switches = true;
  EXPECT_TRUE(judge(lab, {lab.evidence()}, policy).proof);
}

TEST(Gpus, TheNumberOfDevicesIsLimited) {
  const GpuLab lab;
  std::vector<GpuEvidence> devices(evidence::kMaxGpuDevices);
  expect_failure(judge(lab, devices), "gpu.report.parse", Errc::malformed, "device 1: ");
  devices.emplace_back();
  expect_failure(judge(lab, devices), "gpu.count", Errc::limit, "G24: 65 devices");
}

TEST(Gpus, ANonceHas32Bytes) {
  GpuLab lab;
  const GpuEvidence evidence = lab.evidence();
  for (const std::size_t size : {0U, 31U, 33U}) {
    lab.nonce.resize(size, 0x4e);
    const GpuOutcome out = judge(lab, {evidence});
    expect_failure(out, "gpu.count", Errc::malformed, "G5: a nonce has 32 bytes");
    EXPECT_EQ(out.verdict.claims.at("gpus"), "none");
  }
}

}  // namespace
}  // namespace confide::verify
