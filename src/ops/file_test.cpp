#include "ops/file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace confide::ops {
namespace {

struct FileTest : ::testing::Test {
  std::filesystem::path folder = std::filesystem::temp_directory_path() /
                                 ("confide-file-" + std::to_string(::getpid()) +
                                  ::testing::UnitTest::GetInstance()->current_test_info()->name());
  std::string path = folder / "file";

  FileTest() { std::filesystem::create_directories(folder); }
  ~FileTest() override { std::filesystem::remove_all(folder); }
};

TEST_F(FileTest, ReplacesAFileAndLeavesNothingElse) {
  std::ofstream(path) << "old and longer";
  ASSERT_TRUE(replace_file(path, "new"));
  EXPECT_EQ(read_file(path, 100).value(), "new");
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

TEST_F(FileTest, ReadsNoMoreThanAllowedAndNothingButFiles) {
  ASSERT_TRUE(replace_file(path, std::string(10, 'x')));
  EXPECT_TRUE(read_file(path, 10));
  EXPECT_EQ(read_file(path, 9).error().code, Errc::limit);
  EXPECT_EQ(read_file(folder, 9).error().code, Errc::unavailable);
  EXPECT_EQ(read_file(path + "-not", 9).error().code, Errc::not_found);
}

TEST_F(FileTest, AFileThatCannotBeReplacedIsLeftAsItIs) {
  std::filesystem::create_directory(path);
  EXPECT_EQ(replace_file(path, "new").error().code, Errc::unavailable);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

}  // namespace
}  // namespace confide::ops
