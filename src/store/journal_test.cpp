#include "store/journal.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/temp_folder.h"

namespace confide::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct JournalTest : ::testing::Test {
  Journal create() const { return Journal::create(database).value(); }
  std::vector<Journal> orphans() const { return Journal::orphans(database).value(); }
  std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      out.push_back(entry.path());
    }
    return out;
  }
  // A process that appends, and is killed.
  void leave_behind(std::string_view line) const {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      Journal journal = create();
      if (!journal.append(line)) _exit(1);
      kill(getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
  }

  TempFolder folder;
  const std::string database = folder.path() + "/some.db";
};

TEST_F(JournalTest, KeepsLinesUntilTheyAreCleared) {
  Journal journal = create();
  ASSERT_TRUE(journal.append("one"));
  ASSERT_TRUE(journal.append("two"));
  EXPECT_THAT(journal.lines().value(), ElementsAre("one", "two"));
  ASSERT_TRUE(journal.clear());
  EXPECT_THAT(journal.lines().value(), IsEmpty());
  ASSERT_TRUE(journal.append("three"));
  EXPECT_THAT(journal.lines().value(), ElementsAre("three"));
}

TEST_F(JournalTest, IsForItsOwnerAlone) {
  const Journal journal = create();
  ASSERT_THAT(files(), SizeIs(1));
  struct stat status{};
  ASSERT_EQ(::stat(files().front().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(JournalTest, GoesIfItIsEmptyAndStaysIfNot) {
  {
    const Journal journal = create();
  }
  EXPECT_THAT(files(), IsEmpty());
  {
    Journal journal = create();
    ASSERT_TRUE(journal.append("one"));
  }
  EXPECT_THAT(files(), SizeIs(1));
}

TEST_F(JournalTest, AdoptsWhatTheDeadLeftAndNothingOfTheLiving) {
  Journal alive = create();
  ASSERT_TRUE(alive.append("mine"));
  leave_behind("left");
  {
    auto found = orphans();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_THAT(found[0].lines().value(), ElementsAre("left"));
    EXPECT_THAT(orphans(), IsEmpty()) << "it is adopted by one";
    ASSERT_TRUE(found[0].clear());
  }
  EXPECT_THAT(orphans(), IsEmpty());
  EXPECT_THAT(files(), SizeIs(1));
}

TEST_F(JournalTest, PassesOverALineThatWasCutOff) {
  std::ofstream(database + ".pending-123456") << "whole\ncut";
  auto found = orphans();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].lines().value(), ElementsAre("whole"));
}

// A full disk, as a limit of the process.
TEST_F(JournalTest, AppendsAllOfALineOrNothing) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 100, .rlim_max = 100};
    setrlimit(RLIMIT_FSIZE, &limit);
    Journal journal = create();
    const bool good =
        journal.append(std::string(80, 'a')).has_value() &&
        journal.append(std::string(80, 'b')).error().code == Errc::unavailable &&
        journal.append("c").has_value() &&
        journal.lines().value() == std::vector{std::string(80, 'a'), std::string("c")};
    _exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(JournalTest, SaysWhenTheFolderIsMissing) {
  EXPECT_EQ(Journal::create("/nowhere/some.db").error().code, Errc::unavailable);
}

}  // namespace
}  // namespace confide::store
