#include "ops/free_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace confide::ops {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;

class FreeMemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "confide-memory-" + std::to_string(getpid());
    write("/proc/meminfo",
          "MemTotal:       16777216 kB\nMemFree:         1000 kB\n"
          "MemAvailable:    8388608 kB\n");
    write("/proc/self/cgroup", "0::/outer/inner\n");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  void group(const std::string& name, const std::string& most, const std::string& used) const {
    write("/sys/fs/cgroup" + name + "/memory.max", most + "\n");
    write("/sys/fs/cgroup" + name + "/memory.current", used + "\n");
  }

  std::string root_;
};

TEST_F(FreeMemoryTest, IsWhatTheKernelSaysIsAvailable) {
  EXPECT_EQ(free_memory(root_), 8 * kGiB);
  group("/outer/inner", "max", "1000");
  EXPECT_EQ(free_memory(root_), 8 * kGiB);
}

TEST_F(FreeMemoryTest, IsWhatTheControlGroupLeaves) {
  group("/outer/inner", std::to_string(4 * kGiB), std::to_string(kGiB));
  EXPECT_EQ(free_memory(root_), 3 * kGiB);
  group("/outer/inner", std::to_string(kGiB), std::to_string(2 * kGiB));
  EXPECT_EQ(free_memory(root_), 0U);
}

TEST_F(FreeMemoryTest, GroupsAboveCountToo) {
  group("/outer/inner", "max", "0");
  group("/outer", std::to_string(2 * kGiB), std::to_string(kGiB));
  EXPECT_EQ(free_memory(root_), kGiB);
}

// A container often sees its own group as the topmost.
TEST_F(FreeMemoryTest, TopmostGroupCountsToo) {
  write("/proc/self/cgroup", "0::/\n");
  group("", std::to_string(2 * kGiB), "0");
  EXPECT_EQ(free_memory(root_), 2 * kGiB);
}

TEST_F(FreeMemoryTest, OfThisMachineIsSomething) {
  EXPECT_GT(free_memory(), 0U);
  EXPECT_LT(free_memory(), std::uint64_t{1} << 50U);
}

}  // namespace
}  // namespace confide::ops
