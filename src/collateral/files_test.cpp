#include "collateral/files.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/testing/temp_folder.h"

namespace confide::collateral {
namespace {

Bytes bytes(std::string_view text) { return to_bytes(as_bytes(text)); }

TEST(DecodeEvidenceTest, HexAndBase64AreDecodedAndTheRestIsLeftAlone) {
  const Bytes raw{0x04, 0x00, 0x02, 0xff, 0xfe, 0x81};
  EXPECT_EQ(decode_evidence(raw), raw);
  EXPECT_EQ(decode_evidence(bytes("040002fffe81")), raw);
  EXPECT_EQ(decode_evidence(bytes("0x040002FFFE81\n")), raw);
  EXPECT_EQ(decode_evidence(bytes("0400\r\n02ff\nfe81\n")), raw);
  EXPECT_EQ(decode_evidence(bytes(to_base64(raw) + "\n")), raw);
  EXPECT_EQ(decode_evidence(bytes(to_base64url(raw))), raw);
  EXPECT_EQ(decode_evidence(bytes("[{\"a\":1}]")), bytes("[{\"a\":1}]"));
  EXPECT_EQ(decode_evidence(bytes("no evidence!")), bytes("no evidence!"));
  EXPECT_EQ(decode_evidence({}), Bytes{});
  EXPECT_EQ(decode_evidence(bytes(" \n")), bytes(" \n"));
}

TEST(FolderTest, FilesByEndingAreSortedAndCounted) {
  const TempFolder temp;
  temp.write("b.xml", "");
  temp.write("a.xml", "");
  temp.write("c.txt", "");
  const Folder folder = Folder::open(temp.path()).value();
  EXPECT_EQ(folder.ending_in({".xml"}).value(),
            (std::vector<std::string>{temp.file("a.xml"), temp.file("b.xml")}));
  EXPECT_TRUE(folder.ending_in({".xml"}, "none").value().empty());
  for (std::size_t i = 0; i <= kMaxFolderFiles; ++i) temp.write(std::to_string(i) + ".xml", "");
  EXPECT_EQ(folder.ending_in({".xml"}).error().code, Errc::limit);
}

TEST(FolderTest, WhatIsNoFolderIsNotFound) {
  const TempFolder temp;
  temp.write("file", "");
  EXPECT_EQ(Folder::open(temp.file("file")).error().code, Errc::not_found);
  EXPECT_EQ(Folder::open(temp.file("none")).error().code, Errc::not_found);
}

TEST(FolderTest, ARoleOfTooManyFilesIsRefused) {
  const TempFolder temp;
  Json names = Json::array();
  for (std::size_t i = 0; i <= kMaxFolderFiles; ++i) names.push_back("x");
  temp.write("case.json", json::compact({{"files", {{"ocsp", names}}}}));
  EXPECT_EQ(Folder::open(temp.path()).error().code, Errc::malformed);
}

}  // namespace
}  // namespace confide::collateral
