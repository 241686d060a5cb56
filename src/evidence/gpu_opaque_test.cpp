#include "evidence/gpu_opaque.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "evidence/testing/spdm_bytes.h"

namespace confide::evidence {
namespace {

using testing::drop_field;
using ::testing::ElementsAre;
using testing::find_field;
using testing::gpu_report;
using ::testing::HasSubstr;
using testing::switch_report;

TEST(GpuOpaque, ReadsAGpu) {
  const auto opaque = parse_gpu_opaque(gpu_report());
  ASSERT_TRUE(opaque) << opaque.error().message;
  EXPECT_EQ(opaque->kind, GpuDeviceKind::gpu);
  EXPECT_EQ(opaque->driver_version, "599.01");
  EXPECT_EQ(opaque->vbios_version, "96.00.AB.00.01");
  EXPECT_EQ(opaque->project, "1010");
  EXPECT_EQ(opaque->project_sku, "0200");
  EXPECT_EQ(opaque->chip_sku, "882");
  EXPECT_EQ(opaque->chip_info, "");
  EXPECT_EQ(opaque->nvdec0, GpuStatus::enabled);
  EXPECT_EQ(opaque->protected_pcie, GpuStatus::enabled);
  EXPECT_EQ(opaque->opaque_data_version, 1U);
  EXPECT_EQ(opaque->mode, GpuMode::ppcie);
  EXPECT_EQ(opaque->fwid->front(), 0xF1);
  ASSERT_EQ(opaque->switch_pdis.size(), 4U);
  EXPECT_EQ(opaque->switch_pdis[3], (DevicePdi{8, 7, 6, 5, 4, 3, 2, 1}));
}

TEST(GpuOpaque, ReadsASwitch) {
  const auto opaque = parse_gpu_opaque(switch_report());
  ASSERT_TRUE(opaque) << opaque.error().message;
  EXPECT_EQ(opaque->kind, GpuDeviceKind::nvswitch);
  EXPECT_EQ(opaque->driver_version, "");
  EXPECT_EQ(opaque->vbios_version, "96.10.AB.00.01");
  EXPECT_EQ(opaque->device_pdi, (DevicePdi{1, 2, 3, 4, 5, 6, 7, 8}));
  ASSERT_EQ(opaque->gpu_pdis.size(), 8U);
  EXPECT_EQ(opaque->gpu_pdis[1][0], 0x62);
}

TEST(GpuOpaque, LeavesOutWhatTheReportLeavesOut) {
  SpdmReport report = gpu_report();
  for (const int type : {11, 20, 21, 22, 34, 36}) {
    drop_field(report, static_cast<std::uint16_t>(type));
  }
  const auto opaque = parse_gpu_opaque(report).value();
  EXPECT_FALSE(opaque.nvdec0 || opaque.fwid || opaque.protected_pcie || opaque.mode ||
               opaque.opaque_data_version);
  EXPECT_TRUE(opaque.switch_pdis.empty());
}

TEST(GpuOpaque, NamesStatesAndModes) {
  const auto status = [](std::uint8_t value) {
    SpdmReport report = gpu_report();
    *find_field(report, 11) = {value};
    return to_string(*parse_gpu_opaque(report).value().nvdec0);
  };
  EXPECT_EQ(status(0xAA), "enabled");
  EXPECT_EQ(status(0x55), "disabled");
  EXPECT_EQ(status(0x00), "unknown");
  const auto mode = [](Bytes value) {
    SpdmReport report = gpu_report();
    *find_field(report, 36) = std::move(value);
    return to_string(*parse_gpu_opaque(report).value().mode);
  };
  EXPECT_EQ(mode({0, 0}), "SPT");
  EXPECT_EQ(mode({1, 0}), "MPT");
  EXPECT_EQ(mode({2, 0}), "PPCIE");
  EXPECT_EQ(mode({3, 0}), "unknown");
  EXPECT_EQ(mode({0, 1}), "unknown");
}

TEST(GpuOpaque, TakesTheLongestAndShortestForms) {
  SpdmReport report = gpu_report();
  *find_field(report, 36) = {1, 0, 0, 0, 0, 0, 0, 0};
  *find_field(report, 34) = {1};
  EXPECT_EQ(parse_gpu_opaque(report)->mode, GpuMode::mpt);
  report = switch_report();
  find_field(report, 26)->resize(64);
  EXPECT_EQ(parse_gpu_opaque(report)->gpu_pdis.size(), 8U);
  drop_field(report, 26);
  EXPECT_TRUE(parse_gpu_opaque(report)->gpu_pdis.empty());
}

TEST(GpuOpaque, IgnoresFieldsItDoesNotKnow) {
  SpdmReport report = gpu_report();
  report.opaque.push_back({.type = 200, .value = {1, 2, 3}});
  EXPECT_TRUE(parse_gpu_opaque(report));
}

struct Spoiled {
  const char* name;
  SpdmReport (*base)();
  std::function<void(SpdmReport&)> spoil;
  Errc code = Errc::malformed;
  const char* why = "G3: ";
};

TEST(GpuOpaque, RefusesFieldsOfTheWrongForm) {
  const auto set = [](std::uint16_t type, Bytes value) {
    return [type, value](SpdmReport& report) { *find_field(report, type) = value; };
  };
  const auto drop = [](std::uint16_t type) {
    return [type](SpdmReport& report) { drop_field(report, type); };
  };
  const std::vector<Spoiled> cases{
      {"driver with a space", gpu_report, set(3, {'5', ' ', '1', 0}), Errc::malformed, "field 3"},
      {"driver with a control character", gpu_report, set(3, {'5', 0x1F, 0}), Errc::malformed,
       "field 3"},
      {"driver with DEL", gpu_report, set(3, {'5', 0x7F, 0}), Errc::malformed, "field 3"},
      {"driver with a byte above ASCII", gpu_report, set(3, {'5', 0x80, 0}), Errc::malformed,
       "field 3"},
      {"driver with text behind its end", gpu_report, set(3, {'5', 0, '1'}), Errc::malformed,
       "field 3"},
      {"no driver and no switch", gpu_report, drop(3)},
      {"empty driver", gpu_report, set(3, {0})},
      {"no VBIOS", gpu_report, drop(6)},
      {"short VBIOS", gpu_report, set(6, Bytes(7))},
      {"long VBIOS", gpu_report, set(6, Bytes(9))},
      {"project", gpu_report, set(17, {0x80})},
      {"project SKU", gpu_report, set(18, {0x80})},
      {"chip SKU", gpu_report, set(15, {0x80})},
      {"chip", gpu_report, [](SpdmReport& r) { r.opaque.push_back({35, {0x80}}); }},
      {"NVDEC0 of two bytes", gpu_report, set(11, {0xAA, 0xAA})},
      {"NVDEC0 of no byte", gpu_report, set(11, {})},
      {"protected PCIe of two bytes", gpu_report, set(21, {0xAA, 0xAA})},
      {"short FWID", gpu_report, set(20, Bytes(47))},
      {"long FWID", gpu_report, set(20, Bytes(49))},
      {"switches of broken size", gpu_report, set(22, Bytes(12))},
      {"empty opaque data version", gpu_report, set(34, {})},
      {"opaque data version of nine bytes", gpu_report, set(34, Bytes(9))},
      {"newer opaque data", gpu_report, set(34, {2, 0}), Errc::unsupported},
      {"opaque data version in a high byte", gpu_report, set(34, {1, 1}), Errc::unsupported},
      {"empty feature flag", gpu_report, set(36, {})},
      {"long feature flag", gpu_report, set(36, Bytes(9))},
      {"switch without BIOS version", switch_report, drop(6)},
      {"switch BIOS version", switch_report, set(6, {0x80}), Errc::malformed, "field 6"},
      {"switch without identifier", switch_report, drop(22)},
      {"switch identifier", switch_report, set(22, Bytes(7)), Errc::malformed, "field 22"},
      {"switch FWID", switch_report, [](SpdmReport& r) { r.opaque.push_back({20, {1}}); }},
      {"short list of GPUs", switch_report, set(26, Bytes(63))},
  };
  for (const Spoiled& c : cases) {
    SpdmReport report = c.base();
    c.spoil(report);
    const auto opaque = parse_gpu_opaque(report);
    EXPECT_EQ(refusal(opaque), c.code) << c.name;
    if (!opaque) EXPECT_THAT(opaque.error().message, HasSubstr(c.why)) << c.name;
  }
}

TEST(GpuOpaque, NamesFieldsByDevice) {
  EXPECT_EQ(opaque_field_name(3, GpuDeviceKind::gpu), "DRIVER_VERSION");
  EXPECT_EQ(opaque_field_name(36, GpuDeviceKind::gpu), "FEATURE_FLAG");
  EXPECT_EQ(opaque_field_name(22, GpuDeviceKind::gpu), "SWITCH_PDI");
  EXPECT_EQ(opaque_field_name(22, GpuDeviceKind::nvswitch), "DEVICE_PDI");
  EXPECT_EQ(opaque_field_name(26, GpuDeviceKind::nvswitch), "SWITCH_GPU_PDIS");
  EXPECT_EQ(opaque_field_name(6, GpuDeviceKind::nvswitch), "VBIOS_VERSION");
  EXPECT_EQ(opaque_field_name(26, GpuDeviceKind::gpu), "TYPE_26");
  EXPECT_EQ(opaque_field_name(200, GpuDeviceKind::gpu), "TYPE_200");
}

TEST(GpuOpaque, NamesTheManifestsItNeeds) {
  GpuOpaque opaque = parse_gpu_opaque(gpu_report()).value();
  EXPECT_THAT(rim_ids_of(opaque, "HOPPER"),
              ElementsAre("NV_GPU_DRIVER_GH100_599.01", "NV_GPU_VBIOS_1010_0200_882_9600AB0001"));
  EXPECT_EQ(rim_ids_of(opaque, "BLACKWELL").front(), "NV_GPU_CC_DRIVER_GB100_599.01");
  opaque.chip_info = "GB202";
  EXPECT_EQ(rim_ids_of(opaque, "BLACKWELL").front(), "NV_GPU_CC_DRIVER_GB202_599.01");
  EXPECT_THAT(rim_ids_of(parse_gpu_opaque(switch_report()).value(), "LS10"),
              ElementsAre("NV_SWITCH_BIOS_5612_0002_890_9610AB0001"));
}

}  // namespace
}  // namespace confide::evidence
