#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/testing/temp_folder.h"
#include "collateral/folder.h"

namespace confide::collateral {
namespace {

using evidence::GpuDeviceKind;
using evidence::GpuReferences;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct FolderGpuTest : ::testing::Test {
  TempFolder folder;

  void make(const std::string& name) const {
    std::filesystem::create_directories(folder.file(name));
  }
  Result<GpuReferences> references(std::vector<std::string> rims,
                                   std::vector<std::string> ocsp = {}) const {
    return read_gpu_references(rims, ocsp);
  }
};

std::string text(const Bytes& bytes) { return std::string(as_text(bytes)); }

TEST_F(FolderGpuTest, ARawReportWithTheChainBesideIt) {
  folder.write("evidence.bin", "\x11\xe0 report");
  folder.write("chain.pem", "chain");
  EXPECT_EQ(read_gpu_evidence(folder.file("evidence.bin"))->devices.at(0).chain_pem, "chain");
  folder.write("evidence.pem", "its own chain");
  const auto own = read_gpu_evidence(folder.file("evidence.bin")).value();
  EXPECT_EQ(own.devices.at(0).chain_pem, "its own chain");
  EXPECT_EQ(text(own.devices[0].report), "\x11\xe0 report");
  EXPECT_FALSE(own.devices[0].kind);
  const auto named = read_gpu_evidence(folder.file("evidence.bin"), folder.file("chain.pem"));
  EXPECT_EQ(named->devices.at(0).chain_pem, "chain");
}

TEST_F(FolderGpuTest, ARawReportWithoutAChainHasNone) {
  folder.write("evidence.hex", "11e001ff");
  const auto read = read_gpu_evidence(folder.file("evidence.hex")).value();
  EXPECT_EQ(read.devices.at(0).report, (Bytes{0x11, 0xe0, 0x01, 0xff}));
  EXPECT_EQ(read.devices[0].chain_pem, "");
}

TEST_F(FolderGpuTest, NvidiasJsonList) {
  const std::string chain = to_base64(as_bytes("chain"));
  const std::string report = to_base64(as_bytes("report"));
  folder.write("evidence.json",
               fmt::format(R"( [{{"certificate":"{0}","evidence":"{1}","arch":"HOPPER"}},
                              {{"certificate":"{0}","evidence":"{1}","arch":"HOPPER"}}])",
                           chain, report));
  const auto read = read_gpu_evidence(folder.file("evidence.json"));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->devices.size(), 2U);
  EXPECT_EQ(text(read->devices[1].report), "report");
  EXPECT_EQ(read->devices[1].chain_pem, "chain");
}

TEST_F(FolderGpuTest, ACaseOfSeveralDevices) {
  make("_shared");
  make("case");
  folder.write("_shared/c.pem", "shared");
  folder.write("case/g.bin", "\x01g");
  folder.write("case/s.bin", "\x01s");
  folder.write("case/case.json", R"({"files":{"devices":[
      {"type":"gpu","report":"g.bin","chain":"../_shared/c.pem"},
      {"type":"switch","report":"s.bin"}]}})");
  const auto read = read_gpu_evidence(folder.file("case"));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->devices.size(), 2U);
  EXPECT_EQ(read->devices[0].kind, GpuDeviceKind::gpu);
  EXPECT_EQ(read->devices[0].chain_pem, "shared");
  EXPECT_EQ(read->devices[1].kind, GpuDeviceKind::nvswitch);
  EXPECT_EQ(read->devices[1].chain_pem, "");
  const auto one = read_gpu_evidence(folder.file("case/g.bin"));
  ASSERT_TRUE(one) << one.error().message;
  ASSERT_EQ(one->devices.size(), 1U);
  EXPECT_EQ(one->devices[0].chain_pem, "shared") << "case.json says where its chain is";
}

TEST_F(FolderGpuTest, AFolderOfNamedDevices) {
  folder.write("gpu_0.bin", "\x01");
  folder.write("gpu_0.pem", "chain 0");
  folder.write("gpu_1.bin", "\x02");
  folder.write("switch_0.bin", "\x03");
  folder.write("unrelated.bin", "\x04");
  const auto read = read_gpu_evidence(folder.path()).value();
  ASSERT_EQ(read.devices.size(), 3U);
  EXPECT_EQ(read.devices[0].chain_pem, "chain 0");
  EXPECT_EQ(read.devices[1].chain_pem, "");
  EXPECT_EQ(read.devices[2].kind, GpuDeviceKind::nvswitch);
}

TEST_F(FolderGpuTest, UnusableEvidenceIsRefusedByName) {
  EXPECT_EQ(read_gpu_evidence(folder.file("none")).error().code, Errc::not_found);
  EXPECT_EQ(read_gpu_evidence(folder.path()).error().code, Errc::not_found);
  folder.write("bad.json", "[{}]");
  EXPECT_EQ(read_gpu_evidence(folder.file("bad.json")).error().code, Errc::malformed);
  EXPECT_THAT(read_gpu_evidence(folder.file("bad.json")).error().message, HasSubstr("bad.json"));
  folder.write("g.bin", "\x01");
  for (const char* devices : {"{}", R"([{"chain":"x"}])", R"([{"report":"g.bin","type":"cpu"}])",
                              R"([{"report":"../../../g.bin"}])"}) {
    folder.write("case.json", fmt::format(R"({{"files":{{"devices":{}}}}})", devices));
    EXPECT_EQ(read_gpu_evidence(folder.path()).error().code, Errc::malformed) << devices;
  }
  Json many = Json::array();
  for (std::size_t i = 0; i <= evidence::kMaxGpuDevices; ++i) many.push_back({{"report", "g.bin"}});
  folder.write("case.json", json::compact({{"files", {{"devices", many}}}}));
  EXPECT_EQ(read_gpu_evidence(folder.path()).error().code, Errc::malformed);
}

TEST_F(FolderGpuTest, ManifestsByName) {
  folder.write("NV_GPU_DRIVER_GH100_550.90.07.xml", "driver");
  folder.write("vbios_rim.swidtag", "vbios");
  folder.write("NV_SWITCH_BIOS_5612.xml", "switch");
  make("ocsp");
  folder.write("ocsp/1.der", "one");
  folder.write("ocsp/2.der", "two");
  const auto read = references({folder.path()});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(read->driver_rims, ElementsAre("driver"));
  EXPECT_THAT(read->vbios_rims, ElementsAre("switch", "vbios"));
  ASSERT_EQ(read->ocsp.size(), 2U);
  EXPECT_EQ(text(read->ocsp[1]), "two");
}

TEST_F(FolderGpuTest, CaseJsonSaysWhichManifestIsWhich) {
  folder.write("a.xml", "a");
  folder.write("driver_rim.xml", "not to be read");
  folder.write("case.json", R"({"files":{"vbios_rim":"driver_rim.xml","driver_rim":"a.xml"}})");
  const auto read = references({folder.path()}).value();
  EXPECT_THAT(read.driver_rims, ElementsAre("a"));
  EXPECT_THAT(read.vbios_rims, ElementsAre("not to be read"));
  EXPECT_THAT(read.ocsp, IsEmpty());
}

TEST_F(FolderGpuTest, AnswersOfAnotherDayAreOnlyUsedWhenNamed) {
  folder.write("a.der", "answer");
  const auto write_case = [&](const std::string& times) {
    folder.write("case.json", fmt::format(R"({{"files":{{"ocsp":["a.der"]}},
        "evaluation_time":"2025-10-24T12:00:00Z"{}}})",
                                          times));
  };
  write_case("");
  EXPECT_EQ(references({folder.path()})->ocsp.size(), 1U);
  write_case(R"(,"device_ocsp_time":"2025-10-24T12:00:00Z")");
  EXPECT_EQ(references({folder.path()})->ocsp.size(), 1U);
  write_case(R"(,"device_ocsp_time":"2025-08-21T12:00:00Z")");
  EXPECT_THAT(references({folder.path()})->ocsp, IsEmpty());
  EXPECT_EQ(references({folder.path()}, {folder.path()})->ocsp.size(), 1U);
}

TEST_F(FolderGpuTest, NamedAnswersReplaceThoseThatCameAlong) {
  folder.write("driver.xml", "driver");
  make("ocsp");
  folder.write("ocsp/old.der", "old");
  make("new");
  folder.write("new/fresh.der", "fresh");
  for (const std::string& path : {folder.file("new"), folder.file("new/fresh.der")}) {
    const auto read = references({folder.path()}, {path}).value();
    ASSERT_EQ(read.ocsp.size(), 1U);
    EXPECT_EQ(text(read.ocsp[0]), "fresh");
  }
}

TEST_F(FolderGpuTest, UnusableReferencesAreRefusedByName) {
  EXPECT_EQ(references({folder.path()}).error().code, Errc::not_found);
  EXPECT_EQ(references({}, {folder.path()}).error().code, Errc::not_found);
  EXPECT_EQ(references({folder.file("none.xml")}).error().code, Errc::not_found);
  folder.write("unnamed.xml", "<no-manifest/>");
  const auto read = references({folder.file("unnamed.xml")});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::malformed);
  EXPECT_THAT(read.error().message, HasSubstr("unnamed.xml"));
}

TEST_F(FolderGpuTest, EveryRecordedCaseIsRead) {
  const std::filesystem::path vectors(CONFIDE_VECTORS);
  if (!std::filesystem::exists(vectors)) GTEST_SKIP() << "SKIPPED: no recorded evidence here";
  std::size_t devices = 0;
  std::size_t manifests = 0;
  for (const char* kind : {"nvidia", "nvidia-synthetic"}) {
    for (const auto& entry : std::filesystem::directory_iterator(vectors / kind)) {
      if (entry.path().filename().string().starts_with('_')) continue;
      const auto evidence = read_gpu_evidence(entry.path());
      ASSERT_TRUE(evidence) << evidence.error().message;
      for (const auto& device : evidence->devices) EXPECT_FALSE(device.chain_pem.empty());
      devices += evidence->devices.size();
      const auto read = references({entry.path()});
      ASSERT_TRUE(read) << read.error().message;
      manifests += read->driver_rims.size() + read->vbios_rims.size();
    }
  }
  EXPECT_GT(devices, 80U);
  EXPECT_GT(manifests, 130U);
  std::size_t alone = 0;
  for (const auto& entry : std::filesystem::directory_iterator(vectors / "nvidia-rim")) {
    const auto read = references({entry.path()});
    ASSERT_TRUE(read) << read.error().message;
    alone += read->driver_rims.size() + read->vbios_rims.size();
  }
  EXPECT_GE(alone, 11U);
}

}  // namespace
}  // namespace confide::collateral
