#include "store/receipts.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/temp_folder.h"

namespace confide::store {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr Time kNow = from_unix(1'800'000'000);

struct ReceiptStoreTest : ::testing::Test {
  std::unique_ptr<ReceiptStore> open(Retention retention = {}) const {
    return ReceiptStore::open(path, retention).value();
  }
  Errc refused() const { return ReceiptStore::open(path, {}).error().code; }

  static StoredReceipt receipt(std::string document, std::string owner = "sha256:aa") {
    return {.document = std::move(document), .owner = std::move(owner)};
  }
  std::string bytes() const {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void sql(const char* text) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, text, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  TempFolder folder;
  const std::filesystem::path dir = folder.path();
  std::filesystem::path path = dir / "receipts.db";
};

TEST_F(ReceiptStoreTest, GivesBackTheExactBytesByEitherId) {
  const auto store = open();
  const std::string document("{\"a\": \"\xc3\xa9\"}\n\0x", 15);
  ASSERT_TRUE(store->put("rcpt-1", "chatcmpl-1", receipt(document, "sha256:ff"), kNow));
  for (const char* id : {"rcpt-1", "chatcmpl-1"}) {
    const StoredReceipt found = store->find(id, kNow).value();
    EXPECT_EQ(found.document, document);
    EXPECT_EQ(found.owner, "sha256:ff");
  }
}

TEST_F(ReceiptStoreTest, DoesNotFindWhatIsNotThere) {
  const auto store = open();
  ASSERT_TRUE(store->put("rcpt-1", std::nullopt, receipt("x"), kNow));
  EXPECT_EQ(store->find("rcpt-2", kNow).error().code, Errc::not_found);
  EXPECT_EQ(store->find("", kNow).error().code, Errc::not_found);
  EXPECT_EQ(store->find("' OR 1=1 --", kNow).error().code, Errc::not_found);
}

TEST_F(ReceiptStoreTest, CollidingChatIdsHideNoReceipt) {
  const auto store = open();
  ASSERT_TRUE(store->put("rcpt-1", "chat", receipt("first", "sha256:alice"), kNow));
  // Even when the clock has gone back, later is newer.
  ASSERT_TRUE(store->put("rcpt-2", "chat", receipt("second", "sha256:bob"), kNow - seconds{60}));
  // A chat id chosen to look like another's receipt id does not stand before it.
  ASSERT_TRUE(store->put("rcpt-3", "rcpt-1", receipt("third", "sha256:eve"), kNow));
  EXPECT_EQ(store->find("chat", kNow).value().owner, "sha256:bob");
  EXPECT_EQ(store->find("rcpt-1", kNow).value().owner, "sha256:alice");
  EXPECT_EQ(store->find("rcpt-2", kNow).value().owner, "sha256:bob");
}

TEST_F(ReceiptStoreTest, NeverOverwrites) {
  const auto store = open();
  ASSERT_TRUE(store->put("rcpt-1", std::nullopt, receipt("first"), kNow));
  EXPECT_EQ(store->put("rcpt-1", std::nullopt, receipt("second"), kNow).error().code,
            Errc::mismatch);
  EXPECT_EQ(store->find("rcpt-1", kNow).value().document, "first");
  ASSERT_TRUE(store->prune(kNow));  // the first is in the file now
  ASSERT_TRUE(store->put("rcpt-1", std::nullopt, receipt("third"), kNow));
  EXPECT_EQ(store->find("rcpt-1", kNow).value().document, "first");
  ASSERT_TRUE(store->prune(kNow));
  EXPECT_EQ(store->find("rcpt-1", kNow).value().document, "first");
}

TEST_F(ReceiptStoreTest, IsForItsOwnerAlone) {
  const auto store = open();
  ASSERT_TRUE(store->put("rcpt-1", std::nullopt, receipt("x"), kNow));
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat status{};
    ASSERT_EQ(::stat((path.string() + suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << suffix;
  }
}

TEST_F(ReceiptStoreTest, LeavesTheDatabaseAloneWhenItEnds) {
  ASSERT_TRUE(open()->put("rcpt-1", std::nullopt, receipt("x"), kNow));
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    EXPECT_EQ(entry.path(), path);
  }
  EXPECT_TRUE(open()->find("rcpt-1", kNow));
}

TEST_F(ReceiptStoreTest, TakesWhatIsWholeOfADamagedJournal) {
  const std::string left = path.string() + ".pending-abcdef";
  std::ofstream(left)
      << R"({"receipt_id":"rcpt-1","chat_id":"chat","owner":"","created":1800000000,)"
      << R"("document":"x"})" << "\nnonsense\n"
      << R"({"receipt_id":"rcpt-2","chat_id":null,"owner":"","created":18)";
  const auto store = open();
  EXPECT_EQ(store->find("chat", kNow).value().document, "x");
  EXPECT_FALSE(store->find("rcpt-2", kNow));
  EXPECT_FALSE(std::filesystem::exists(left));
}

TEST_F(ReceiptStoreTest, TheNewestOfAChatIsFoundOnItsWay) {
  const auto store = open();
  ASSERT_TRUE(store->put("rcpt-1", "chat", receipt("first"), kNow));
  ASSERT_TRUE(store->prune(kNow));
  ASSERT_TRUE(store->put("rcpt-2", "chat", receipt("second"), kNow));
  ASSERT_TRUE(store->put("rcpt-3", "chat", receipt("third"), kNow));
  EXPECT_EQ(store->find("chat", kNow).value().document, "third");
  ASSERT_TRUE(store->prune(kNow));
  EXPECT_EQ(store->find("chat", kNow).value().document, "third");
}

TEST_F(ReceiptStoreTest, TakesAwayRightsThatOthersHad) {
  open();
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  open();
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(ReceiptStoreTest, KeepsWhatWasAcknowledgedWhenKilled) {
  constexpr int kReceipts = 40;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto store = open();
    for (int i = 0; i < kReceipts; ++i) {
      const std::string id = "rcpt-" + std::to_string(i);
      if (!store->put(id, std::nullopt, receipt(std::string(20'000, 'x') + id), kNow)) _exit(1);
    }
    kill(getpid(), SIGKILL);
    _exit(2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(WTERMSIG(status), SIGKILL);
  const auto store = open();
  for (int i = 0; i < kReceipts; ++i) {
    const std::string id = "rcpt-" + std::to_string(i);
    EXPECT_THAT(store->find(id, kNow).value().document, HasSubstr(id));
  }
}

TEST_F(ReceiptStoreTest, ServesTwoThreadsAndTwoConnections) {
  constexpr int kEach = 150;
  const auto store = open();
  const auto second = open();
  const auto fill = [&](const std::string& prefix, ReceiptStore& into) {
    for (int i = 0; i < kEach; ++i) {
      const std::string id = prefix + std::to_string(i);
      EXPECT_TRUE(into.put(id, std::nullopt, receipt(id), kNow));
      EXPECT_EQ(into.find(id, kNow).value().document, id);
    }
  };
  std::array threads{std::thread(fill, "a", std::ref(*store)),
                     std::thread(fill, "b", std::ref(*store)),
                     std::thread(fill, "c", std::ref(*second))};
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(second->prune(kNow));
  for (const char* prefix : {"a", "b", "c"}) {
    for (int i = 0; i < kEach; ++i) {
      EXPECT_TRUE(store->find(prefix + std::to_string(i), kNow));
    }
  }
}

TEST_F(ReceiptStoreTest, HidesWhatIsOverAgeBeforeItIsPruned) {
  const auto store = open({.max_age = days{1}, .max_receipts = 100});
  ASSERT_TRUE(store->put("rcpt-1", "chat", receipt("x"), kNow));
  EXPECT_TRUE(store->find("rcpt-1", kNow + days{1}));
  EXPECT_EQ(store->find("rcpt-1", kNow + days{1} + seconds{1}).error().code, Errc::not_found);
  EXPECT_EQ(store->find("chat", kNow + days{1} + seconds{1}).error().code, Errc::not_found);
}

TEST_F(ReceiptStoreTest, PrunesByAge) {
  const auto store = open({.max_age = days{1}, .max_receipts = 10'000});
  for (int i = 0; i < 1200; ++i) {  // more than one step drops
    ASSERT_TRUE(store->put("old-" + std::to_string(i), std::nullopt, receipt("x"), kNow));
  }
  ASSERT_TRUE(store->put("new", std::nullopt, receipt("x"), kNow + days{1}));
  EXPECT_EQ(store->prune(kNow + days{1}).value(), 0U);
  EXPECT_EQ(store->prune(kNow + days{1} + seconds{1}).value(), 1200U);
  EXPECT_EQ(store->prune(kNow + days{1} + seconds{1}).value(), 0U);
  EXPECT_TRUE(store->find("new", kNow + days{1}));
  EXPECT_EQ(store->find("old-0", kNow).error().code, Errc::not_found);
}

TEST_F(ReceiptStoreTest, PrunesTheOldestBeyondTheCount) {
  const auto store = open({.max_age = days{30}, .max_receipts = 10});
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(store->put("rcpt-" + std::to_string(i), std::nullopt, receipt("x"), kNow));
  }
  ASSERT_TRUE(store->prune(kNow));
  EXPECT_EQ(store->find("rcpt-39", kNow).error().code, Errc::not_found);
  EXPECT_TRUE(store->find("rcpt-40", kNow));
  EXPECT_TRUE(store->find("rcpt-49", kNow));
}

TEST_F(ReceiptStoreTest, BoundsItselfWhileReceiptsCome) {
  const auto store = open({.max_age = days{30}, .max_receipts = 10});
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(store->put("rcpt-" + std::to_string(i), std::nullopt, receipt("x"), kNow));
  }
  EXPECT_EQ(store->prune(kNow).value(), 0U);  // all that is too many had gone by then
}

TEST_F(ReceiptStoreTest, RefusesANewerSchemaAndLeavesItAlone) {
  {
    ASSERT_TRUE(open()->put("rcpt-1", std::nullopt, receipt("x"), kNow));
  }
  sql("PRAGMA user_version = 2");
  const std::string before = bytes();
  const auto refused = ReceiptStore::open(path, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("newer"));
  EXPECT_EQ(bytes(), before);
}

TEST_F(ReceiptStoreTest, RefusesAnothersDatabaseAndLeavesItAlone) {
  sql("CREATE TABLE bookmarks (url TEXT)");
  const std::string before = bytes();
  EXPECT_EQ(refused(), Errc::malformed);
  EXPECT_EQ(bytes(), before);
}

TEST_F(ReceiptStoreTest, RefusesWhatIsNoDatabaseAndLeavesItAlone) {
  const std::string junk(5000, 'j');
  std::ofstream(path, std::ios::binary) << junk;
  const auto refused = ReceiptStore::open(path, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::malformed);
  EXPECT_THAT(refused.error().message, HasSubstr(path.string()));
  EXPECT_EQ(bytes(), junk);
}

TEST_F(ReceiptStoreTest, RefusesADamagedDatabase) {
  {
    ASSERT_TRUE(open()->put("rcpt-1", std::nullopt, receipt("x"), kNow));
  }
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file << std::string(3000, 'j');  // the schema's page, behind the file header
  }
  EXPECT_EQ(refused(), Errc::malformed);
}

TEST_F(ReceiptStoreTest, SaysWhenTheFolderIsMissing) {
  path = dir / "nowhere" / "receipts.db";
  EXPECT_EQ(refused(), Errc::unavailable);
}

TEST_F(ReceiptStoreTest, FollowsNoLinkToANewFile) {
  std::filesystem::create_symlink(dir / "elsewhere", path);
  EXPECT_EQ(refused(), Errc::unavailable);
  EXPECT_FALSE(std::filesystem::exists(dir / "elsewhere"));
}

}  // namespace
}  // namespace confide::store
