#include <array>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/temp_folder.h"
#include "collateral/folder.h"
#include "crypto/x509_testing.h"
#include "evidence/testing/snp_bytes.h"

namespace confide::collateral {
namespace {

using evidence::SnpCertificates;
using evidence::SnpSigningKey;
using ::testing::HasSubstr;

struct FolderSnpTest : ::testing::Test {
  TempFolder folder;
  crypto::P256Key key = crypto::P256Key::generate();
  Bytes crl = to_bytes(crypto::TestPki().root_crl().der());

  crypto::Certificate certificate(const std::string& name) const {
    return crypto::issue_certificate(crypto::test_request(name, key), key, nullptr).value();
  }
  Bytes der(const std::string& name) const { return to_bytes(certificate(name).der()); }

  Result<SnpCertificates> read(std::vector<std::string> paths,
                               std::optional<SnpSigningKey> kind = std::nullopt) const {
    return read_snp_certificates(paths, kind);
  }
  Result<SnpCertificates> read_folder(std::optional<SnpSigningKey> kind = std::nullopt) const {
    return read({folder.path()}, kind);
  }
};

std::string text(const std::optional<Bytes>& bytes) {
  return bytes ? std::string(as_text(*bytes)) : "absent";
}

TEST_F(FolderSnpTest, ConventionalNamesAreTakenAsTheyAre) {
  for (const char* name : {"vcek", "ask", "ark", "crl"}) {
    folder.write(std::string(name) + ".der", name);
  }
  const auto found = read_folder().value();
  EXPECT_EQ(text(found.leaf), "vcek");
  EXPECT_EQ(text(found.ica), "ask");
  EXPECT_EQ(text(found.ark), "ark");
  EXPECT_EQ(text(found.crl), "crl");
}

TEST_F(FolderSnpTest, TheReportsKeyChoosesBetweenTheTwoKinds) {
  for (const char* name : {"vcek", "vlek", "ask", "asvk"}) {
    folder.write(std::string(name) + ".pem", name);
  }
  const auto vlek = read_folder(SnpSigningKey::vlek).value();
  EXPECT_EQ(text(vlek.leaf), "vlek");
  EXPECT_EQ(text(vlek.ica), "asvk");
  const auto vcek = read_folder(SnpSigningKey::vcek).value();
  EXPECT_EQ(text(vcek.leaf), "vcek");
  EXPECT_EQ(text(vcek.ica), "ask");
}

TEST_F(FolderSnpTest, CaseJsonSaysWhichFileIsWhich) {
  std::filesystem::create_directory(folder.file("case"));
  folder.write("one", "1");
  folder.write("case/two", "2");
  folder.write("case/vcek.der", "not to be read");
  folder.write("case/case.json", R"({"files":{"leaf":"../one","ark":"two"}})");
  const auto found = read({folder.file("case")}).value();
  EXPECT_EQ(text(found.leaf), "1");
  EXPECT_EQ(text(found.ark), "2");
  EXPECT_FALSE(found.ica || found.crl);
}

TEST_F(FolderSnpTest, FilesAreKnownByTheirContent) {
  folder.write("a", as_text(der("SEV-VCEK")));
  folder.write("b", certificate("SEV-Milan").to_pem() + certificate("ARK-Milan").to_pem());
  folder.write("c", as_text(crl));
  const auto found = read({folder.file("a"), folder.file("b"), folder.file("c")}).value();
  EXPECT_EQ(crypto::Certificate::from_der(*found.leaf)->common_name(), "SEV-VCEK");
  EXPECT_EQ(crypto::Certificate::from_der(*found.ica)->common_name(), "SEV-Milan");
  EXPECT_EQ(crypto::Certificate::from_der(*found.ark)->common_name(), "ARK-Milan");
  EXPECT_EQ(*found.crl, crl);
}

TEST_F(FolderSnpTest, AVlekAndItsAsvkAreKnownByTheirContent) {
  folder.write("chain", certificate("SEV-VLEK").to_pem() + certificate("SEV-VLEK-Genoa").to_pem());
  const auto found = read({folder.file("chain")}).value();
  EXPECT_EQ(crypto::Certificate::from_der(*found.leaf)->common_name(), "SEV-VLEK");
  EXPECT_EQ(crypto::Certificate::from_der(*found.ica)->common_name(), "SEV-VLEK-Genoa");
}

TEST_F(FolderSnpTest, TheHostsTableIsOneFile) {
  using namespace evidence::testing;
  const Bytes table = write_snp_certificate_table(
      {{kVcekGuid, {1, 2}}, {kVlekGuid, {3}}, {kAskGuid, {4}}, {kArkGuid, {5}}});
  folder.write("certs.bin", as_text(table));
  for (const std::string& path : {folder.path(), folder.file("certs.bin")}) {
    const auto found = read({path}, SnpSigningKey::vlek).value();
    EXPECT_EQ(*found.leaf, Bytes{3}) << path;
    EXPECT_EQ(*found.ark, Bytes{5}) << path;
  }
}

TEST_F(FolderSnpTest, WhatIsNamedFirstWins) {
  folder.write("vcek.der", "first");
  std::filesystem::create_directory(folder.file("other"));
  folder.write("other/vcek.der", "second");
  folder.write("other/ark.der", "ark");
  const auto found = read({folder.path(), folder.file("other")}).value();
  EXPECT_EQ(text(found.leaf), "first");
  EXPECT_EQ(text(found.ark), "ark");
}

TEST_F(FolderSnpTest, UnusableFilesAreRefusedByName) {
  const auto empty = read_folder();
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, Errc::not_found);
  EXPECT_EQ(read({folder.file("none")}).error().code, Errc::not_found);
  folder.write("garbage", "garbage");
  const auto garbage = read({folder.file("garbage")});
  ASSERT_FALSE(garbage);
  EXPECT_EQ(garbage.error().code, Errc::malformed);
  EXPECT_THAT(garbage.error().message, HasSubstr("garbage"));
}

TEST_F(FolderSnpTest, EveryRecordedCaseIsRead) {
  const std::filesystem::path vectors(CONFIDE_VECTORS);
  if (!std::filesystem::exists(vectors)) GTEST_SKIP() << "SKIPPED: no recorded evidence here";
  std::size_t leaves = 0;
  for (const char* kind : {"snp", "snp-synthetic"}) {
    for (const auto& entry : std::filesystem::directory_iterator(vectors / kind)) {
      if (entry.path().filename().string().starts_with('_')) continue;
      const auto found = read({entry.path()});
      ASSERT_TRUE(found) << found.error().message;
      leaves += found->leaf ? 1 : 0;
    }
  }
  EXPECT_GT(leaves, 50U);
}

}  // namespace
}  // namespace confide::collateral
