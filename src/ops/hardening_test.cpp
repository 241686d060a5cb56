#include "ops/hardening.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include <gtest/gtest.h>

namespace confide::ops {
namespace {

// What harden_process() changes is for good, so each test runs it in a child of its own.
template <class Check>
[[noreturn]] void exit_with(Check holds) {
  const bool ok = harden_process().has_value() && holds();
  std::_Exit(ok ? 0 : 1);
}

TEST(HardeningTest, LeavesNoCoreDump) {
  EXPECT_EXIT(exit_with([] {
                rlimit limit{.rlim_cur = 1, .rlim_max = 1};
                getrlimit(RLIMIT_CORE, &limit);
                return limit.rlim_cur == 0 && limit.rlim_max == 0;
              }),
              ::testing::ExitedWithCode(0), "");
}

TEST(HardeningTest, KeepsDebuggersAndNewPrivilegesOut) {
  EXPECT_EXIT(exit_with([] {
                return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
                       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
              }),
              ::testing::ExitedWithCode(0), "");
}

TEST(HardeningTest, SurvivesWritingToAClosedPipe) {
  EXPECT_EXIT(exit_with([] {
                int ends[2] = {-1, -1};
                if (pipe(ends) != 0) return false;
                close(ends[0]);
                return write(ends[1], "x", 1) == -1;
              }),
              ::testing::ExitedWithCode(0), "");
}

TEST(HardeningTest, MakesFilesPrivate) {
  EXPECT_EXIT(exit_with([] { return umask(0) == 077; }), ::testing::ExitedWithCode(0), "");
}

TEST(HardeningTest, LeavesNoStandardStreamsNumberToOthers) {
  EXPECT_EXIT(
      {
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        exit_with([] { return dup(STDERR_FILENO) > STDERR_FILENO; });
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(HardeningTest, RaisesLockedMemoryToTheHardLimit) {
  EXPECT_EXIT(exit_with([] {
                rlimit limit{};
                getrlimit(RLIMIT_MEMLOCK, &limit);
                return limit.rlim_cur == limit.rlim_max;
              }),
              ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace confide::ops
