#include "attest/linux_files.h"

#include <gtest/gtest.h>

#include "base/testing/temp_folder.h"

namespace confide::attest {
namespace {

struct LinuxFilesTest : ::testing::Test {
  TempFolder folder;
  RealFiles files;
};

TEST_F(LinuxFilesTest, ReadsWholeFilesUpToALimit) {
  folder.write("outblob", std::string(10'000, 'q'));
  EXPECT_EQ(files.read(folder.file("outblob"), 10'000).value().size(), 10'000U);
  EXPECT_EQ(files.read(folder.file("outblob"), 9'999).error().code, Errc::limit);
  EXPECT_EQ(files.read(folder.file("nothing"), 1).error().code, Errc::not_found);
}

TEST_F(LinuxFilesTest, WritesToFilesThatExistAlone) {
  folder.write("inblob", "");
  ASSERT_TRUE(files.write(folder.file("inblob"), as_bytes("report data")));
  EXPECT_EQ(folder.read("inblob"), "report data");
  EXPECT_EQ(files.write(folder.file("nothing"), as_bytes("x")).error().code, Errc::not_found);
  EXPECT_FALSE(folder.has("nothing"));
}

TEST_F(LinuxFilesTest, MakesAndRemovesDirectories) {
  ASSERT_TRUE(files.make_directory(folder.file("entry")));
  EXPECT_TRUE(folder.has("entry"));
  EXPECT_EQ(files.make_directory(folder.file("entry")).error().code, Errc::unavailable);
  ASSERT_TRUE(files.remove_directory(folder.file("entry")));
  EXPECT_FALSE(folder.has("entry"));
  EXPECT_EQ(files.make_directory(folder.file("no/where")).error().code, Errc::not_found);
}

}  // namespace
}  // namespace confide::attest
