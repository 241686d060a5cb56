#include "proxy/history.h"

#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "base/testing/temp_folder.h"
#include "store/sqlite.h"

namespace confide::proxy {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

HistoryEntry entry(const std::string& receipt_id) {
  HistoryEntry out;
  out.at = from_unix(1'780'000'000);
  out.service = "https://service.example";
  out.method = "POST";
  out.path = "/v1/chat/completions";
  out.model = "some-model";
  out.verified = true;
  out.receipt_id = receipt_id;
  out.receipt = R"({"receipt":"document"})";
  out.request_hash = "sha256:aa";
  out.response_hash = "sha256:bb";
  out.client_nonce = std::string(64, 'c');
  out.keyset_digest = "sha256:dd";
  return out;
}

ReportRecord report(const std::string& nonce) {
  return {.document = "the report", .nonce = nonce, .verified_at = from_unix(1'780'000'000)};
}

struct HistoryTest : ::testing::Test {
  std::unique_ptr<History> open(std::size_t most = 100) {
    auto history = History::open(folder.path(), most);
    EXPECT_TRUE(history) << history.error().message;
    return history ? *std::move(history) : nullptr;
  }
  void run(const char* sql) const {
    auto db = store::Database::open(folder.file("history.db"));
    ASSERT_TRUE(db);
    ASSERT_TRUE(db->execute(sql));
  }
  TempFolder folder;
};

TEST_F(HistoryTest, KeepsWhatWasAddedNewestFirst) {
  EXPECT_EQ(open()->add(entry("rcpt-1"), report("n1")).value(), 1);
  const auto history = open();
  EXPECT_EQ(history->add(entry("rcpt-2"), report("n2")).value(), 2);
  const auto all = history->list(10).value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].receipt_id, "rcpt-2");
  EXPECT_EQ(history->list(1).value().size(), 1U);
  const HistoryEntry first = history->find(1).value();
  EXPECT_EQ(first.receipt, entry("rcpt-1").receipt);
  EXPECT_EQ(first.client_nonce, entry("").client_nonce);
  EXPECT_EQ(first.at, entry("").at);
  EXPECT_TRUE(first.verified);
  EXPECT_EQ(history->report_of(1).value().nonce, "n1");
  EXPECT_EQ(refusal(history->find(3)), Errc::not_found);
}

TEST_F(HistoryTest, IsBounded) {
  const auto history = open(3);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(history->add(entry("r"), report(std::to_string(i))));
  EXPECT_EQ(history->list(100).value().size(), 3U);
  EXPECT_EQ(history->list(1).value()[0].id, 10);
  auto db = store::Database::open(folder.file("history.db"));
  EXPECT_EQ(db->number("SELECT count(*) FROM reports").value(), 3);
}

TEST_F(HistoryTest, NothingOfItLiesInClear) {
  ASSERT_TRUE(open()->add(entry("rcpt-1"), report("nonce-of-the-report")));
  for (const auto* file : {"history.db", "history.db-wal"}) {
    const std::string bytes = folder.read(file);
    for (const auto* word : {"service.example", "some-model", "rcpt-1", "the report", "nonce-of"}) {
      EXPECT_THAT(bytes, Not(HasSubstr(word))) << file;
    }
  }
  struct stat info{};
  ASSERT_EQ(::stat(folder.file("history.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat(folder.file("history.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(HistoryTest, ChangedOrExchangedRowsDoNotOpen) {
  const auto history = open();
  ASSERT_TRUE(history->add(entry("rcpt-1"), report("n")));
  ASSERT_TRUE(history->add(entry("rcpt-2"), report("n")));
  run("UPDATE entries SET blob = (SELECT blob FROM entries WHERE id = 2) WHERE id = 1");
  EXPECT_EQ(refusal(history->find(1)), Errc::bad_signature);
  EXPECT_TRUE(history->find(2));
  run("UPDATE entries SET blob = x'00' WHERE id = 2");
  EXPECT_EQ(refusal(history->find(2)), Errc::malformed);
}

TEST_F(HistoryTest, ARowThatCannotBeReadHidesNoOther) {
  const auto history = open();
  for (const auto* id : {"rcpt-1", "rcpt-2", "rcpt-3"}) {
    ASSERT_TRUE(history->add(entry(id), report("n")));
  }
  run("UPDATE entries SET blob = x'00' WHERE id = 2");
  const auto all = history->list(10).value();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].receipt_id, "rcpt-3");
  EXPECT_EQ(all[1].id, 2);
  EXPECT_FALSE(all[1].verified);
  EXPECT_EQ(all[1].check, History::kUnreadable);
  EXPECT_EQ(all[2].receipt_id, "rcpt-1");
}

TEST_F(HistoryTest, WhatIsNoTextIsKeptAsItIs) {
  HistoryEntry odd = entry("rcpt-1");
  odd.verified = false;
  odd.receipt = "no document: \xff\xfe";
  odd.detail = "it said \xff";
  const auto history = open();
  ASSERT_TRUE(history->add(odd, report("n")));
  const HistoryEntry kept = history->find(1).value();
  EXPECT_EQ(kept.receipt, odd.receipt);
  EXPECT_EQ(kept.detail, odd.detail);
}

TEST_F(HistoryTest, AKeyThatIsGoneIsNotReplacedWhileThereAreEntries) {
  open();
  ASSERT_EQ(::unlink(folder.file("history.key").c_str()), 0);
  ASSERT_TRUE(open()->add(entry("rcpt-1"), report("n")));  // nothing was lost with it
  ASSERT_EQ(::unlink(folder.file("history.key").c_str()), 0);
  EXPECT_EQ(refusal(History::open(folder.path())), Errc::not_found);
  EXPECT_NE(::access(folder.file("history.key").c_str(), F_OK), 0);
}

TEST_F(HistoryTest, WithAnotherKeyNothingOpens) {
  ASSERT_TRUE(open()->add(entry("rcpt-1"), report("n")));
  folder.write("history.key", std::string(32, 'k'));
  EXPECT_EQ(refusal(open()->find(1)), Errc::bad_signature);
}

TEST_F(HistoryTest, AKeyThatOthersMayReadIsRefused) {
  open();
  ::chmod(folder.file("history.key").c_str(), 0640);
  EXPECT_EQ(refusal(History::open(folder.path())), Errc::policy);
}

TEST_F(HistoryTest, AKeyOfAnotherLengthIsRefused) {
  open();
  for (const std::size_t size : {0U, 31U, 33U}) {
    folder.write("history.key", std::string(size, 'k'));
    EXPECT_EQ(refusal(History::open(folder.path())), Errc::malformed) << size;
  }
}

TEST_F(HistoryTest, AnotherProgramsDatabaseIsLeftAlone) {
  folder.write("history.db", "not a database at all, but long enough to look at");
  EXPECT_EQ(refusal(History::open(folder.path())), Errc::malformed);
}

}  // namespace
}  // namespace confide::proxy
