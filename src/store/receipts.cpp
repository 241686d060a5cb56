#include "store/receipts.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <span>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/json.h"
#include "ops/log.h"
#include "store/journal.h"
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

// A receipt id is 96 random bits: that one comes again is somebody's mistake, and the first stands.
constexpr std::string_view kInsert =
    "INSERT OR IGNORE INTO receipts (receipt_id, chat_id, owner, created, document)"
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

constexpr std::int64_t kRowsPerStep = 10;

// A core is held for some tenths of a millisecond at a time.
constexpr std::size_t kRowsPerCommit = 8;
constexpr std::chrono::microseconds kBreath{100};

struct Row {
  std::string receipt_id;
  std::optional<std::string> chat_id;
  StoredReceipt receipt;
  std::int64_t created = 0;
};

std::string to_line(const Row& row) {
  return json::compact({{"receipt_id", row.receipt_id},
                        {"chat_id", row.chat_id ? Json(*row.chat_id) : Json(nullptr)},
                        {"owner", row.receipt.owner},
                        {"created", row.created},
                        {"document", row.receipt.document}});
}

Result<Row> parse_line(std::string_view line) {
  TRY_ASSIGN(const Json json, json::parse(line));
  Row row;
  TRY_ASSIGN(row.receipt_id, json::get_string(json, "receipt_id"));
  if (const Json* chat = json::find(json, "chat_id"); chat != nullptr && chat->is_string()) {
    row.chat_id = chat->get<std::string>();
  }
  TRY_ASSIGN(row.receipt.owner, json::get_string(json, "owner"));
  TRY_ASSIGN(row.created, json::get_int(json, "created"));
  TRY_ASSIGN(row.receipt.document, json::get_string(json, "document"));
  return row;
}

// The file's writer. Not thread-safe.
class Writer {
 public:
  static Result<Writer> open(Database db, Retention retention) {
    TRY_ASSIGN(Statement insert, db.prepare(kInsert));
    TRY_ASSIGN(Statement drop_old, db.prepare(kDropOld));
    TRY_ASSIGN(Statement drop_surplus, db.prepare(kDropSurplus));
    return Writer(std::move(db), retention, std::move(insert), std::move(drop_old),
                  std::move(drop_surplus));
  }

  // All of them, or from some on none; what is written again stands once. Then away with what is
  // too old or too many.
  Status write(const std::vector<Row>& rows) {
    std::int64_t newest = 0;
    for (std::size_t i = 0; i < rows.size(); i += kRowsPerCommit) {
      // Whoever is being answered may be waiting for this core.
      if (i != 0) std::this_thread::sleep_for(kBreath);
      const std::span some = std::span(rows).subspan(i, std::min(kRowsPerCommit, rows.size() - i));
      TRY(commit(some));
      for (const Row& row : some) newest = std::max(newest, row.created);
    }
    // They are safe; that old ones are not gone is no reason to say otherwise.
    if (const auto dropped = prune(from_unix(newest)); !dropped) {
      ops::log_warning("pruning receipts: " + dropped.error().message);
    }
    return {};
  }

  Result<std::size_t> prune(Time now) {
    std::size_t total = 0;
    while (true) {
      TRY_ASSIGN(const std::size_t dropped, prune_step(now));
      total += dropped;
      if (dropped == 0) return total;
    }
  }

 private:
  Writer(Database db, Retention retention, Statement insert, Statement drop_old,
         Statement drop_surplus)
      : db_(std::move(db)),
        retention_(retention),
        insert_(std::move(insert)),
        drop_old_(std::move(drop_old)),
        drop_surplus_(std::move(drop_surplus)) {}

  Status commit(std::span<const Row> rows) {
    TRY(db_.execute("BEGIN IMMEDIATE"));
    Status done = insert_all(rows);
    if (done) done = db_.execute("COMMIT");
    if (done) return {};
    // After some errors SQLite has already rolled back, and says so.
    if (const auto undone = db_.execute("ROLLBACK"); !undone) {
      ops::log_warning("receipts rolled back: " + undone.error().message);
    }
    return done;
  }

  Status insert_all(std::span<const Row> rows) {
    for (const Row& row : rows) {
      insert_.bind(1, std::string_view(row.receipt_id));
      insert_.bind(2, row.chat_id);
      insert_.bind(3, std::string_view(row.receipt.owner));
      insert_.bind(4, row.created);
      insert_.bind(5, std::string_view(row.receipt.document));
      TRY(insert_.run());
      if (db_.changes() == 0) ops::log_warning("a receipt's id was there before: the first stands");
    }
    return {};
  }

  Result<std::size_t> prune_step(Time now) {
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    drop_old_.bind(1, to_unix(now) - retention_.max_age.count());
    drop_old_.bind(2, kRowsPerStep);
    TRY(drop_old_.run());
    const std::int64_t old = db_.changes();
    drop_surplus_.bind(1, static_cast<std::int64_t>(
                              std::min(retention_.max_receipts, static_cast<std::size_t>(kMost))));
    drop_surplus_.bind(2, kRowsPerStep);
    TRY(drop_surplus_.run());
    return static_cast<std::size_t>(old + db_.changes());
  }

  Database db_;
  Retention retention_;
  Statement insert_;
  Statement drop_old_;
  Statement drop_surplus_;
};

// Another connection to the same file. Not thread-safe.
class Reader {
 public:
  static Result<Reader> open(Database db) {
    TRY_ASSIGN(Statement by_id, db.prepare(kFindById));
    TRY_ASSIGN(Statement by_chat, db.prepare(kFindByChat));
    return Reader(std::move(db), std::move(by_id), std::move(by_chat));
  }
  Result<StoredReceipt> find_by_id(const std::string& id, std::int64_t oldest) {
    return find(by_id_, id, oldest);
  }
  Result<StoredReceipt> find_by_chat(const std::string& id, std::int64_t oldest) {
    return find(by_chat_, id, oldest);
  }

 private:
  Reader(Database db, Statement by_id, Statement by_chat)
      : db_(std::move(db)), by_id_(std::move(by_id)), by_chat_(std::move(by_chat)) {}

  static Result<StoredReceipt> find(Statement& query, const std::string& id, std::int64_t oldest) {
    query.bind(1, std::string_view(id));
    query.bind(2, oldest);
    TRY_ASSIGN(const bool found, query.step());
    StoredReceipt receipt;
    if (found) receipt = {.document = query.text(0), .owner = query.text(1)};
    query.reset();
    if (found) return receipt;
    return fail(Errc::not_found, "no such receipt");
  }

  Database db_;
  Statement by_id_;
  Statement by_chat_;
};

// Rows that the file has not got yet, in the order they came.
class Pending {
 public:
  bool empty() const noexcept { return rows_.empty(); }
  std::size_t size() const noexcept { return rows_.size(); }
  const std::vector<Row>& rows() const noexcept { return rows_; }
  void add(Row row) {
    by_id_[row.receipt_id] = rows_.size();
    if (row.chat_id) by_chat_[*row.chat_id] = rows_.size();  // the newest
    rows_.push_back(std::move(row));
  }
  const Row* by_id(const std::string& id) const { return find(by_id_, id); }
  const Row* by_chat(const std::string& id) const { return find(by_chat_, id); }

 private:
  using Index = std::unordered_map<std::string, std::size_t>;
  const Row* find(const Index& index, const std::string& id) const {
    const auto at = index.find(id);
    return at == index.end() ? nullptr : &rows_[at->second];
  }
  std::vector<Row> rows_;
  Index by_id_;
  Index by_chat_;
};

// A transaction for each receipt would cost the answers that wait for it more than all else about
// them. So a receipt goes into a journal, one write(2), and a thread carries many at once from
// there into the file. There are two journals: one takes what comes while the other is carried
// over.
class QueuedReceipts final : public ReceiptStore {
 public:
  QueuedReceipts(Writer writer, Reader reader, Retention retention, Journal first, Journal second)
      : retention_(retention),
        journals_{std::move(first), std::move(second)},
        writer_(std::move(writer)),
        reader_(std::move(reader)),
        thread_([this] { carry_over(); }) {}
  ~QueuedReceipts() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  QueuedReceipts(const QueuedReceipts&) = delete;
  QueuedReceipts& operator=(const QueuedReceipts&) = delete;

  Status put(const std::string& receipt_id, const std::optional<std::string>& chat_id,
             const StoredReceipt& receipt, Time now) override {
    Row row{
        .receipt_id = receipt_id, .chat_id = chat_id, .receipt = receipt, .created = to_unix(now)};
    const std::string line = to_line(row);
    std::unique_lock lock(mutex_);
    if (!room_.wait_for(lock, kPatience, [this] { return arriving_.size() < kMostPending; })) {
      return fail(Errc::unavailable, "the receipt store takes no more");
    }
    if (arriving_.by_id(receipt_id) != nullptr || leaving_.by_id(receipt_id) != nullptr) {
      return fail(Errc::mismatch, "a receipt of this id is there");
    }
    TRY(journals_[current_].append(line));
    arriving_.add(std::move(row));
    if (arriving_.size() == 1) wake_.notify_one();
    return {};
  }

  Result<StoredReceipt> find(const std::string& id, Time now) override {
    const std::int64_t oldest = to_unix(now) - retention_.max_age.count();
    auto found = in_file(&Reader::find_by_id, id, oldest);
    if (found || found.error().code != Errc::not_found) return found;
    if (auto receipt = in_queue(&Pending::by_id, id, oldest)) return *std::move(receipt);
    // It may have gone from the queue into the file since we looked there.
    found = in_file(&Reader::find_by_id, id, oldest);
    if (found || found.error().code != Errc::not_found) return found;
    if (auto receipt = in_queue(&Pending::by_chat, id, oldest)) return *std::move(receipt);
    return in_file(&Reader::find_by_chat, id, oldest);
  }

  Result<std::size_t> prune(Time now) override {
    {
      std::unique_lock lock(mutex_);
      hurried_ = true;
      wake_.notify_one();
      const bool carried =
          room_.wait_for(lock, kPatience, [this] { return arriving_.empty() && leaving_.empty(); });
      hurried_ = false;
      if (!carried) return fail(Errc::unavailable, "the receipt store is behind");
    }
    const std::lock_guard lock(writing_);
    return writer_.prune(now);
  }

 private:
  static constexpr std::size_t kMostPending = 20'000;  // some 30 MB
  static constexpr std::chrono::seconds kPatience{5};
  static constexpr std::chrono::milliseconds kGather{25};
  static constexpr std::chrono::seconds kRetry{1};
  static constexpr int kNice = 10;

  template <class Query>
  Result<StoredReceipt> in_file(Query query, const std::string& id, std::int64_t oldest) {
    const std::lock_guard lock(reading_);
    return (reader_.*query)(id, oldest);
  }
  template <class Lookup>
  std::optional<StoredReceipt> in_queue(Lookup lookup, const std::string& id, std::int64_t oldest) {
    const std::lock_guard lock(mutex_);
    for (const Pending* pending : {&arriving_, &leaving_}) {
      const Row* const row = (pending->*lookup)(id);
      if (row != nullptr && row->created >= oldest) return row->receipt;
    }
    return std::nullopt;
  }

  void carry_over() {
    // A batch takes a core for milliseconds: whoever is being answered goes first.
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stopping_ || !arriving_.empty(); });
      if (arriving_.empty()) return;  // it is over
      wake_.wait_for(lock, kGather, [this] { return stopping_ || hurried_; });
      leaving_ = std::exchange(arriving_, {});
      current_ = 1 - current_;
      while (!write_out(lock)) {
        // What stays in the journals is found at the next start.
        if (stopping_) return;
        wake_.wait_for(lock, kRetry, [this] { return stopping_; });
      }
      room_.notify_all();
    }
  }

  // Called and left with the lock held. What it works on is this thread's own meanwhile.
  bool write_out(std::unique_lock<std::mutex>& lock) {
    Journal& journal = journals_[1 - current_];
    lock.unlock();
    Status done = [this] {
      const std::lock_guard writing(writing_);
      return writer_.write(leaving_.rows());
    }();
    if (done) done = journal.clear();
    lock.lock();
    if (!done) {
      ops::log_error("receipts wait in the journal: " + done.error().message);
      return false;
    }
    leaving_ = {};
    return true;
  }

  const Retention retention_;
  std::mutex mutex_;
  std::condition_variable wake_;  // the thread
  std::condition_variable room_;  // whoever waits for the thread
  std::array<Journal, 2> journals_;
  std::size_t current_ = 0;  // the journal of what arrives; the other is of what leaves
  Pending arriving_;
  Pending leaving_;
  bool hurried_ = false;
  bool stopping_ = false;
  std::mutex writing_;
  Writer writer_;
  std::mutex reading_;
  Reader reader_;
  std::thread thread_;  // last: it uses all of the above
};

// What a process left that was killed.
Status adopt_orphans(const std::string& path, Writer& writer) {
  TRY_ASSIGN(std::vector<Journal> orphans, Journal::orphans(path));
  for (Journal& orphan : orphans) {
    TRY_ASSIGN(const auto lines, orphan.lines());
    std::vector<Row> rows;
    for (const std::string& line : lines) {
      auto row = parse_line(line);
      if (row) {
        rows.push_back(*std::move(row));
      } else {
        ops::log_warning("a receipt in a journal is damaged: " + row.error().message);
      }
    }
    TRY(writer.write(rows));
    TRY(orphan.clear());
  }
  return {};
}

Result<std::unique_ptr<ReceiptStore>> open_store(const std::string& path, Retention retention) {
  TRY_ASSIGN(Database db, open_owned_file(path, kFile));
  TRY_ASSIGN(Writer writer, Writer::open(std::move(db), retention));
  TRY_ASSIGN(Database second, Database::open(path));
  TRY_ASSIGN(Reader reader, Reader::open(std::move(second)));
  TRY(adopt_orphans(path, writer));
  TRY_ASSIGN(Journal one, Journal::create(path));
  TRY_ASSIGN(Journal other, Journal::create(path));
  return std::make_unique<QueuedReceipts>(std::move(writer), std::move(reader), retention,
                                          std::move(one), std::move(other));
}

}  // namespace

Result<std::unique_ptr<ReceiptStore>> ReceiptStore::open(const std::string& path,
                                                         Retention retention) {
  auto store = open_store(path, retention);
  if (store) return store;
  return fail(store.error().code, fmt::format("receipt store {}: {}", path, store.error().message));
}

}  // namespace confide::store
