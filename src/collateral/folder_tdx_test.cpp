#include <array>
#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/temp_folder.h"
#include "collateral/folder.h"
#include "crypto/x509_testing.h"

namespace confide::collateral {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::array<std::string_view, 3> kChains{"tcb_info", "qe_identity", "pck_crl"};

struct FolderTdxTest : ::testing::Test {
  TempFolder folder;
  Bytes crl = to_bytes(crypto::TestPki().root_crl().der());
  std::string signature = std::string(128, '1');

  void write_parts(const std::string& below = "") const {
    folder.write(below + "tcb_info_response.json",
                 fmt::format(R"({{"tcbInfo":{{"id":"TDX"}},"signature":"{}"}})", signature));
    folder.write(below + "qe_identity_response.json",
                 fmt::format(R"({{"enclaveIdentity":{{"id":"QE"}},"signature":"{}"}})", signature));
    folder.write(below + "pck_crl.der", as_text(crl));
    folder.write(below + "root_ca_crl.der", to_hex(crl));
    for (const std::string_view name : kChains) {
      folder.write(fmt::format("{}{}_issuer_chain.pem", below, name), name);
    }
  }

  std::string v3() const {
    evidence::TdxCollateral collateral;
    collateral.tcb_info = "from v3";
    return json::compact(evidence::tdx_collateral_to_json(collateral));
  }

  Error refusal(const std::string& path) const {
    const auto read = read_tdx_collateral(path);
    return read ? Error{Errc::internal, "it was read"} : read.error();
  }
};

TEST_F(FolderTdxTest, PartsByTheirConventionalNames) {
  write_parts();
  const auto read = read_tdx_collateral(folder.path());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(missing_parts(*read), ElementsAre());
  EXPECT_EQ(read->tcb_info, R"({"id":"TDX"})");
  EXPECT_EQ(read->tcb_info_signature[63], 0x11);
  EXPECT_EQ(read->qe_identity, R"({"id":"QE"})");
  EXPECT_EQ(read->pck_crl, crl);
  EXPECT_EQ(read->root_ca_crl, crl) << "hex is taken as well";
  EXPECT_EQ(read->tcb_info_issuer_chain, "tcb_info");
  EXPECT_EQ(read->qe_identity_issuer_chain, "qe_identity");
  EXPECT_EQ(read->pck_crl_issuer_chain, "pck_crl");
}

TEST_F(FolderTdxTest, CaseJsonSaysWhichFileIsWhich) {
  std::filesystem::create_directory(folder.file("_shared"));
  std::filesystem::create_directory(folder.file("case"));
  write_parts("_shared/");
  folder.write("case/tcb_info_response.json", "not to be read");
  folder.write("case/case.json", R"({"files":{
      "tcb_info":"../_shared/tcb_info_response.json",
      "qe_identity":"../_shared/qe_identity_response.json",
      "pck_crl":"../_shared/pck_crl.der", "root_ca_crl":"../_shared/root_ca_crl.der",
      "issuer_chains":["../_shared/pck_crl_issuer_chain.pem",
                       "../_shared/tcb_info_issuer_chain.pem",
                       "../_shared/qe_identity_issuer_chain.pem"]}})");
  const auto read = read_tdx_collateral(folder.file("case"));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->tcb_info, R"({"id":"TDX"})");
  EXPECT_EQ(read->tcb_info_issuer_chain, "tcb_info");
  EXPECT_EQ(read->pck_crl_issuer_chain, "pck_crl");
}

TEST_F(FolderTdxTest, WhatIsMissingIsNamedAndEmpty) {
  write_parts();
  std::filesystem::remove(folder.file("pck_crl.der"));
  std::filesystem::remove(folder.file("tcb_info_issuer_chain.pem"));
  const auto read = read_tdx_collateral(folder.path());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(missing_parts(*read), ElementsAre("pck_crl.der", "tcb_info_issuer_chain.pem"));
  EXPECT_TRUE(read->pck_crl.empty());
}

TEST_F(FolderTdxTest, OneFileInsteadOfParts) {
  folder.write("collateral.json", v3());
  folder.write("pck_crl.der", as_text(crl));
  for (const std::string& path : {folder.path(), folder.file("collateral.json")}) {
    const auto read = read_tdx_collateral(path);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->tcb_info, "from v3");
  }
}

TEST_F(FolderTdxTest, WhatCannotBeReadIsNotFound) {
  EXPECT_EQ(refusal(folder.file("none")).code, Errc::not_found);
  EXPECT_EQ(refusal(folder.path()).code, Errc::not_found);
  EXPECT_THAT(refusal(folder.path()).message, HasSubstr("holds no TDX collateral"));
  write_parts();
  folder.write("case.json", R"({"files":{"tcb_info":"elsewhere.json"}})");
  EXPECT_EQ(refusal(folder.path()).code, Errc::not_found);
  EXPECT_THAT(refusal(folder.path()).message, HasSubstr("elsewhere.json"));
}

TEST_F(FolderTdxTest, WhatIsMalformedNamesTheFile) {
  for (const char* name : {"tcb_info_response.json", "qe_identity_response.json", "pck_crl.der",
                           "root_ca_crl.der", "case.json"}) {
    write_parts();
    folder.write(name, "{}");
    EXPECT_EQ(refusal(folder.path()).code, Errc::malformed) << name;
    EXPECT_THAT(refusal(folder.path()).message, HasSubstr(name));
    std::filesystem::remove(folder.file("case.json"));
  }
  folder.write("collateral.json", "{}");
  EXPECT_EQ(refusal(folder.file("collateral.json")).code, Errc::malformed);
}

TEST_F(FolderTdxTest, CaseJsonStaysNearItsFolder) {
  write_parts();
  for (const char* name : {"/etc/passwd", "../../../x", "a/../../../../x", "", "a\\u0000b"}) {
    folder.write("case.json", fmt::format(R"({{"files":{{"tcb_info":"{}"}}}})", name));
    EXPECT_EQ(refusal(folder.path()).code, Errc::malformed) << name;
  }
  for (const char* files : {"[]", R"("x")", R"({"tcb_info":1})"}) {
    folder.write("case.json", fmt::format(R"({{"files":{}}})", files));
    EXPECT_EQ(refusal(folder.path()).code, Errc::malformed) << files;
  }
}

TEST_F(FolderTdxTest, HugeAndStrangeFilesAreRefused) {
  write_parts();
  std::filesystem::resize_file(folder.file("pck_crl.der"), kMaxFileBytes + 1);
  EXPECT_EQ(refusal(folder.path()).code, Errc::limit);
  std::filesystem::remove(folder.file("pck_crl.der"));
  std::filesystem::create_directory(folder.file("pck_crl.der"));
  EXPECT_EQ(refusal(folder.path()).code, Errc::not_found);
  EXPECT_EQ(refusal("/dev/zero").code, Errc::not_found);
}

TEST_F(FolderTdxTest, EveryRecordedCaseIsReadAsItsCollateralJsonSays) {
  const std::filesystem::path vectors(CONFIDE_VECTORS);
  if (!std::filesystem::exists(vectors)) GTEST_SKIP() << "SKIPPED: no recorded evidence here";
  std::size_t cases = 0;
  for (const char* kind : {"tdx", "tdx-synthetic", "sgx"}) {
    for (const auto& entry : std::filesystem::directory_iterator(vectors / kind)) {
      const auto parts = read_tdx_collateral(entry.path());
      ASSERT_TRUE(parts) << parts.error().message;
      const auto whole = read_tdx_collateral(entry.path() / "collateral.json");
      ASSERT_TRUE(whole) << whole.error().message;
      EXPECT_EQ(evidence::tdx_collateral_to_json(*parts), evidence::tdx_collateral_to_json(*whole))
          << entry.path();
      ++cases;
    }
  }
  EXPECT_GT(cases, 50U);
}

}  // namespace
}  // namespace confide::collateral
