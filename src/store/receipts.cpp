#include "store/receipts.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "ops/log.h"
#include "store/owned_file.h"

namespace confide::store {
namespace {

constexpr std::int64_t kApplicationId = 0x436f6652;  // "CofR", marks the file as ours
constexpr std::int64_t kSchemaVersion = 1;

// `seq` grows by one per receipt, so "newest" needs no clock.
constexpr const char* kSchema = R"(
  CREATE TABLE receipts (
    seq        INTEGER PRIMARY KEY,
    receipt_id TEXT NOT NULL UNIQUE,
    chat_id    TEXT,
    owner      TEXT NOT NULL,
    created    INTEGER NOT NULL,
    document   TEXT NOT NULL
  ) STRICT;
  CREATE INDEX receipts_by_chat ON receipts (chat_id, seq) WHERE chat_id IS NOT NULL;
  CREATE INDEX receipts_by_age ON receipts (created);
  PRAGMA application_id = 1131374162;
  PRAGMA user_version = 1;
)";
static_assert(kApplicationId == 1131374162 && kSchemaVersion == 1);
constexpr Schema kFile{.name = "receipt store",
                       .application_id = kApplicationId,
                       .version = kSchemaVersion,
                       .sql = kSchema};

constexpr std::string_view kInsert =
    "INSERT INTO receipts (receipt_id, chat_id, owner, created, document)"
    " VALUES (?1, ?2, ?3, ?4, ?5)";
constexpr std::string_view kFindById =
    "SELECT document, owner FROM receipts WHERE receipt_id = ?1 AND created >= ?2";
constexpr std::string_view kFindByChat =
    "SELECT document, owner FROM receipts WHERE chat_id = ?1 AND created >= ?2"
    " ORDER BY seq DESC LIMIT 1";
constexpr std::string_view kDropOld =
    "DELETE FROM receipts WHERE seq IN"
    " (SELECT seq FROM receipts WHERE created < ?1 ORDER BY created LIMIT ?2)";
// Counts by `seq`, which needs no scan. Gaps, left where a clock went back, count as receipts.
constexpr std::string_view kDropSurplus =
    "DELETE FROM receipts WHERE seq IN"
    " (SELECT seq FROM receipts WHERE seq <= (SELECT max(seq) FROM receipts) - ?1"
    " ORDER BY seq LIMIT ?2)";

// One step of pruning holds the lock for about a millisecond; put() takes one such step in every
// kPutsPerStep, which removes more than it adds.
constexpr std::int64_t kRowsPerStep = 500;
constexpr unsigned kPutsPerStep = 100;

class SqliteReceipts final : public ReceiptStore {
 public:
  static Result<std::unique_ptr<ReceiptStore>> open(Database db, Retention retention) {
    TRY_ASSIGN(Statement insert, db.prepare(kInsert));
    TRY_ASSIGN(Statement by_id, db.prepare(kFindById));
    TRY_ASSIGN(Statement by_chat, db.prepare(kFindByChat));
    TRY_ASSIGN(Statement drop_old, db.prepare(kDropOld));
    TRY_ASSIGN(Statement drop_surplus, db.prepare(kDropSurplus));
    return std::unique_ptr<ReceiptStore>(
        new SqliteReceipts(std::move(db), retention, std::move(insert), std::move(by_id),
                           std::move(by_chat), std::move(drop_old), std::move(drop_surplus)));
  }

  Status put(const std::string& receipt_id, const std::optional<std::string>& chat_id,
             const StoredReceipt& receipt, Time now) override {
    const std::lock_guard lock(mutex_);
    insert_.bind(1, std::string_view(receipt_id));
    insert_.bind(2, chat_id);
    insert_.bind(3, std::string_view(receipt.owner));
    insert_.bind(4, to_unix(now));
    insert_.bind(5, std::string_view(receipt.document));
    TRY(insert_.run());
    if (++puts_ % kPutsPerStep == 0) {
      // The receipt is safe; that old ones are not gone is no reason to say otherwise.
      if (const auto dropped = prune_step(now); !dropped) {
        ops::log_warning("pruning receipts: " + dropped.error().message);
      }
    }
    return {};
  }

  Result<StoredReceipt> find(const std::string& id, Time now) override {
    const std::lock_guard lock(mutex_);
    for (Statement* query : {&find_by_id_, &find_by_chat_}) {
      query->bind(1, std::string_view(id));
      query->bind(2, oldest_kept(now));
      TRY_ASSIGN(const bool found, query->step());
      StoredReceipt receipt;
      if (found) receipt = {.document = query->text(0), .owner = query->text(1)};
      query->reset();
      if (found) return receipt;
    }
    return fail(Errc::not_found, "no such receipt");
  }

  Result<std::size_t> prune(Time now) override {
    std::size_t total = 0;
    while (true) {
      const std::lock_guard lock(mutex_);
      TRY_ASSIGN(const std::size_t dropped, prune_step(now));
      total += dropped;
      if (dropped == 0) return total;
    }
  }

 private:
  SqliteReceipts(Database db, Retention retention, Statement insert, Statement by_id,
                 Statement by_chat, Statement drop_old, Statement drop_surplus)
      : db_(std::move(db)),
        retention_(retention),
        insert_(std::move(insert)),
        find_by_id_(std::move(by_id)),
        find_by_chat_(std::move(by_chat)),
        drop_old_(std::move(drop_old)),
        drop_surplus_(std::move(drop_surplus)) {}

  std::int64_t oldest_kept(Time now) const { return to_unix(now) - retention_.max_age.count(); }

  Result<std::size_t> prune_step(Time now) {
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    drop_old_.bind(1, oldest_kept(now));
    drop_old_.bind(2, kRowsPerStep);
    TRY(drop_old_.run());
    const std::int64_t old = db_.changes();
    drop_surplus_.bind(1, static_cast<std::int64_t>(
                              std::min(retention_.max_receipts, static_cast<std::size_t>(kMost))));
    drop_surplus_.bind(2, kRowsPerStep);
    TRY(drop_surplus_.run());
    return static_cast<std::size_t>(old + db_.changes());
  }

  std::mutex mutex_;
  Database db_;
  Retention retention_;
  Statement insert_;
  Statement find_by_id_;
  Statement find_by_chat_;
  Statement drop_old_;
  Statement drop_surplus_;
  unsigned puts_ = 0;
};

}  // namespace

Result<std::unique_ptr<ReceiptStore>> ReceiptStore::open(const std::string& path,
                                                         Retention retention) {
  TRY_ASSIGN(Database db, open_owned_file(path, kFile));
  auto store = SqliteReceipts::open(std::move(db), retention);
  if (!store) {
    return fail(store.error().code,
                fmt::format("receipt store {}: {}", path, store.error().message));
  }
  return store;
}

}  // namespace confide::store
