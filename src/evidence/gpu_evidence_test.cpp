#include "evidence/gpu_evidence.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/testing.h"

namespace confide::evidence {
namespace {

Json item(const char* arch) {
  return Json{{"arch", arch},
              {"certificate", to_base64(as_bytes("PEM"))},
              {"evidence", to_base64(Bytes{1, 2, 3})},
              {"nonce", "4e4e"}};
}

TEST(GpuEvidence, ReadsNvidiasList) {
  const auto list = parse_gpu_evidence(Json::array({item("HOPPER"), item("LS10")}));
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->nonce, "4e4e");
  ASSERT_EQ(list->devices.size(), 2U);
  EXPECT_EQ(list->devices[0].kind, GpuDeviceKind::gpu);
  EXPECT_EQ(list->devices[0].architecture, "HOPPER");
  EXPECT_EQ(list->devices[0].report, (Bytes{1, 2, 3}));
  EXPECT_EQ(list->devices[0].chain_pem, "PEM");
  EXPECT_EQ(list->devices[1].kind, GpuDeviceKind::nvswitch);
}

TEST(GpuEvidence, ReadsAPayloadWhoseArchitectureCountsForAll) {
  Json device = item("");
  device.erase("arch");
  const auto list = parse_gpu_evidence(
      Json{{"nonce", "aa"}, {"evidence_list", Json::array({device})}, {"arch", "BLACKWELL"}});
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->nonce, "aa");
  EXPECT_EQ(list->devices.at(0).architecture, "BLACKWELL");
  EXPECT_EQ(list->devices.at(0).kind, GpuDeviceKind::gpu);
}

TEST(GpuEvidence, ADevicesOwnArchitectureCountsFirst) {
  const auto list =
      parse_gpu_evidence(Json{{"evidence_list", Json::array({item("LS10")})}, {"arch", "HOPPER"}});
  EXPECT_EQ(list->devices.at(0).kind, GpuDeviceKind::nvswitch);
}

TEST(GpuEvidence, WithoutAnArchitectureTheReportDecides) {
  Json device = item("");
  device.erase("arch");
  const auto list = parse_gpu_evidence(Json::array({device}));
  EXPECT_FALSE(list->devices.at(0).kind);
}

TEST(GpuEvidence, WhatIsNoTextSaysNothing) {
  Json device = item("HOPPER");
  device["arch"] = 5;
  device["nonce"] = 5;
  const auto list = parse_gpu_evidence(
      Json{{"nonce", 7}, {"arch", Json()}, {"evidence_list", Json::array({device})}});
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->nonce, "");
  EXPECT_EQ(list->devices.at(0).architecture, "");
}

TEST(GpuEvidence, AnEmptyListIsAList) {
  const auto list = parse_gpu_evidence(Json{{"evidence_list", Json::array()}});
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->devices.empty());
  EXPECT_EQ(list->nonce, "");
}

TEST(GpuEvidence, RefusesWhatIsNoEvidence) {
  for (const char* missing : {"certificate", "evidence"}) {
    Json device = item("HOPPER");
    device.erase(missing);
    EXPECT_EQ(refusal(parse_gpu_evidence(Json::array({device}))), Errc::malformed) << missing;
    device[missing] = "not base64!";
    EXPECT_EQ(refusal(parse_gpu_evidence(Json::array({device}))), Errc::malformed) << missing;
  }
  EXPECT_EQ(refusal(parse_gpu_evidence(Json::object())), Errc::malformed);
  EXPECT_EQ(refusal(parse_gpu_evidence(Json("text"))), Errc::malformed);
  const Json list = Json::array({1});
  EXPECT_EQ(refusal(parse_gpu_evidence(list)), Errc::malformed);
  EXPECT_EQ(refusal(parse_gpu_evidence(Json{{"evidence_list", list}})), Errc::malformed);
}

TEST(GpuEvidence, LimitsTheNumberOfDevices) {
  Json list = Json::array();
  for (std::size_t i = 0; i < kMaxGpuDevices; ++i) list.push_back(item("HOPPER"));
  EXPECT_TRUE(parse_gpu_evidence(list));
  list.push_back(item("HOPPER"));
  EXPECT_EQ(refusal(parse_gpu_evidence(list)), Errc::limit);
}

}  // namespace
}  // namespace confide::evidence
