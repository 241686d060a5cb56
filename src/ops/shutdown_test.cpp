#include "ops/shutdown.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

#include <gtest/gtest.h>

namespace confide::ops {
namespace {

// Each test in a child of its own: signal masks are for good.
[[noreturn]] void wait_once(int sent) {
  catch_termination();
  std::thread other([sent] { kill(getpid(), sent); });  // may not be killed by it either
  const int got = wait_for_termination();
  other.join();
  std::_Exit(got == sent ? 0 : 1);
}

TEST(ShutdownTest, WaitsForTerm) {
  EXPECT_EXIT(wait_once(SIGTERM), ::testing::ExitedWithCode(0), "");
}

TEST(ShutdownTest, WaitsForInterrupt) {
  EXPECT_EXIT(wait_once(SIGINT), ::testing::ExitedWithCode(0), "");
}

TEST(ShutdownTest, HoldsASignalThatCameBeforeTheWait) {
  EXPECT_EXIT(
      {
        catch_termination();
        kill(getpid(), SIGTERM);
        std::_Exit(wait_for_termination() == SIGTERM ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(ShutdownTest, ASecondSignalKills) {
  EXPECT_EXIT(
      {
        catch_termination();
        kill(getpid(), SIGTERM);
        wait_for_termination();
        std::cerr << "draining\n";
        kill(getpid(), SIGINT);
        std::_Exit(0);
      },
      ::testing::KilledBySignal(SIGINT), "draining");
}

TEST(ShutdownTest, AHangupIsReportedAndEndsNothing) {
  EXPECT_EXIT(
      {
        catch_termination_and_hangup();
        kill(getpid(), SIGHUP);
        int hangups = 0;
        const int got = wait_for_termination([&hangups] {
          ++hangups;
          kill(getpid(), SIGTERM);
        });
        std::_Exit(got == SIGTERM && hangups == 1 ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace confide::ops
