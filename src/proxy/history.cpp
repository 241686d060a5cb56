#include "proxy/history.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <mutex>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/base64.h"
#include "base/json.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "proxy/history_key.h"
#include "store/owned_file.h"

namespace confide::proxy {
namespace {

constexpr const char* kTables = R"(
  CREATE TABLE reports (id TEXT PRIMARY KEY, blob BLOB NOT NULL) STRICT;
  CREATE TABLE entries (
    id     INTEGER PRIMARY KEY,
    report TEXT NOT NULL REFERENCES reports (id),
    blob   BLOB NOT NULL
  ) STRICT;
  CREATE INDEX entries_by_report ON entries (report);
  PRAGMA application_id = 1131374152;
  PRAGMA user_version = 1;
)";
constexpr store::Schema kFile{
    .name = "receipt history", .application_id = 1131374152, .version = 1, .sql = kTables};

// A report, escaped, is longer than what the service sent.
constexpr json::Limits kRowLimits{.max_bytes = std::size_t{32} << 20U};

// A row's place is part of what is authenticated, so that none passes for another.
std::string place_of_entry(std::int64_t id, const std::string& report) {
  return fmt::format("confide history 1, entry {} under {}", id, report);
}
std::string place_of_report(const std::string& id) { return "confide history 1, report " + id; }

Bytes seal(const SecretBytes& key, std::string_view place, const Json& content) {
  ByteArray<crypto::kGcmNonceSize> nonce{};
  crypto::random_fill(nonce);
  Bytes out(nonce.begin(), nonce.end());
  append(out,
         crypto::aes256gcm_seal(key, nonce, as_bytes(place), as_bytes(json::compact(content))));
  return out;
}

Result<Json> open_row(const SecretBytes& key, std::string_view place, std::string_view row) {
  ByteReader reader(as_bytes(row));
  TRY_ASSIGN(const auto nonce, reader.array<crypto::kGcmNonceSize>("history row"));
  auto clear = crypto::aes256gcm_open(key, nonce, as_bytes(place), reader.rest());
  if (!clear) {
    return fail(Errc::bad_signature, "a row of the history was changed, or its key is another");
  }
  return json::parse(as_text(*clear), kRowLimits);
}

// What a service that failed its check sent need not be text; JSON carries nothing else.
Json from_text(const std::string& text) {
  Json plain = text;
  if (json::parse(json::compact(plain), kRowLimits)) return plain;
  return {{"base64", to_base64(as_bytes(text))}};
}

Result<std::string> to_text(const Json& row, std::string_view name) {
  const Json* member = json::find(row, name);
  if (member == nullptr || !member->is_object()) return json::get_string(row, name);
  TRY_ASSIGN(const std::string encoded, json::get_string(*member, "base64"));
  TRY_ASSIGN(const Bytes bytes, from_base64(encoded));
  return std::string(as_text(bytes));
}

Json to_json(const HistoryEntry& entry) {
  return {{"at", to_unix(entry.at)},
          {"service", entry.service},
          {"method", entry.method},
          {"path", from_text(entry.path)},
          {"model", from_text(entry.model)},
          {"verified", entry.verified},
          {"check", entry.check},
          {"detail", from_text(entry.detail)},
          {"receipt_id", entry.receipt_id},
          {"receipt", from_text(entry.receipt)},
          {"request_hash", entry.request_hash},
          {"response_hash", entry.response_hash},
          {"client_nonce", entry.client_nonce},
          {"keyset_digest", entry.keyset_digest}};
}

Result<HistoryEntry> parse_entry(const Json& row, std::int64_t id) {
  HistoryEntry entry;
  entry.id = id;
  TRY_ASSIGN(const std::int64_t at, json::get_int(row, "at"));
  entry.at = from_unix(at);
  const Json* verified = json::find(row, "verified");
  entry.verified = verified != nullptr && verified->is_boolean() && verified->get<bool>();
  const std::pair<std::string_view, std::string*> texts[] = {
      {"service", &entry.service},
      {"method", &entry.method},
      {"path", &entry.path},
      {"model", &entry.model},
      {"check", &entry.check},
      {"detail", &entry.detail},
      {"receipt_id", &entry.receipt_id},
      {"receipt", &entry.receipt},
      {"request_hash", &entry.request_hash},
      {"response_hash", &entry.response_hash},
      {"client_nonce", &entry.client_nonce},
      {"keyset_digest", &entry.keyset_digest}};
  for (const auto& [name, member] : texts) {
    TRY_ASSIGN(*member, to_text(row, name));
  }
  return entry;
}

HistoryEntry unreadable(std::int64_t id, const Error& why) {
  HistoryEntry entry;
  entry.id = id;
  entry.check = History::kUnreadable;
  entry.detail = why.message;
  return entry;
}

class SqliteHistory final : public History {
 public:
  static Result<std::unique_ptr<History>> open(store::Database db, SecretBytes key,
                                               std::size_t most) {
    auto history = std::unique_ptr<SqliteHistory>(new SqliteHistory(std::move(db), std::move(key)));
    history->most_ = static_cast<std::int64_t>(
        std::min<std::size_t>(most, std::numeric_limits<std::int32_t>::max()));
    return history;
  }

  Result<std::int64_t> add(const HistoryEntry& entry, const ReportRecord& report) override {
    const std::lock_guard lock(mutex_);
    TRY(db_.execute("BEGIN IMMEDIATE"));
    auto id = add_row(entry, report);
    TRY(db_.execute(id ? "COMMIT" : "ROLLBACK"));
    return id;
  }

  Result<std::vector<HistoryEntry>> list(std::size_t most) override {
    const std::lock_guard lock(mutex_);
    TRY_ASSIGN(auto rows,
               db_.prepare("SELECT id, report, blob FROM entries ORDER BY id DESC LIMIT ?1"));
    rows.bind(1, static_cast<std::int64_t>(
                     std::min<std::size_t>(most, std::numeric_limits<std::int32_t>::max())));
    std::vector<HistoryEntry> entries;
    while (true) {
      TRY_ASSIGN(const bool more, rows.step());
      if (!more) return entries;
      auto entry = read_entry(rows);
      entries.push_back(entry ? *std::move(entry) : unreadable(rows.number(0), entry.error()));
    }
  }

  Result<HistoryEntry> find(std::int64_t id) override {
    const std::lock_guard lock(mutex_);
    TRY_ASSIGN(auto row, db_.prepare("SELECT id, report, blob FROM entries WHERE id = ?1"));
    row.bind(1, id);
    TRY_ASSIGN(const bool found, row.step());
    if (!found) return fail(Errc::not_found, fmt::format("the history has no entry {}", id));
    return read_entry(row);
  }

  Result<ReportRecord> report_of(std::int64_t id) override {
    const std::lock_guard lock(mutex_);
    TRY_ASSIGN(auto row, db_.prepare("SELECT r.id, r.blob FROM entries e JOIN reports r"
                                     " ON r.id = e.report WHERE e.id = ?1"));
    row.bind(1, id);
    TRY_ASSIGN(const bool found, row.step());
    if (!found) return fail(Errc::not_found, fmt::format("the history has no entry {}", id));
    TRY_ASSIGN(const Json report, open_row(key_, place_of_report(row.text(0)), row.text(1)));
    ReportRecord record;
    TRY_ASSIGN(record.document, json::get_string(report, "document"));
    TRY_ASSIGN(record.nonce, json::get_string(report, "nonce"));
    TRY_ASSIGN(const std::int64_t at, json::get_int(report, "verified_at"));
    record.verified_at = from_unix(at);
    return record;
  }

 private:
  SqliteHistory(store::Database db, SecretBytes key) : db_(std::move(db)), key_(std::move(key)) {}

  // Within a transaction.
  Result<std::int64_t> add_row(const HistoryEntry& entry, const ReportRecord& report) {
    // Keyed, so that the name says nothing of which service it is.
    const std::string report_id =
        to_hex(crypto::hkdf_sha256(as_bytes(report.nonce), key_, "report id", 16).reveal());
    const Bytes report_row = seal(key_, place_of_report(report_id),
                                  Json{{"document", report.document},
                                       {"nonce", report.nonce},
                                       {"verified_at", to_unix(report.verified_at)}});
    TRY_ASSIGN(auto keep, db_.prepare("INSERT OR IGNORE INTO reports (id, blob) VALUES (?1, ?2)"));
    keep.bind(1, std::string_view(report_id));
    keep.bind_blob(2, as_text(report_row));
    TRY(keep.run());

    TRY_ASSIGN(const std::int64_t last, db_.number("SELECT coalesce(max(id), 0) FROM entries"));
    const std::int64_t id = last + 1;
    const Bytes row = seal(key_, place_of_entry(id, report_id), to_json(entry));
    TRY_ASSIGN(auto insert,
               db_.prepare("INSERT INTO entries (id, report, blob) VALUES (?1, ?2, ?3)"));
    insert.bind(1, id);
    insert.bind(2, std::string_view(report_id));
    insert.bind_blob(3, as_text(row));
    TRY(insert.run());
    TRY(prune(id));
    return id;
  }

  Status prune(std::int64_t newest) {
    TRY_ASSIGN(auto drop, db_.prepare("DELETE FROM entries WHERE id <= ?1"));
    drop.bind(1, newest - most_);
    TRY(drop.run());
    if (db_.changes() == 0) return {};
    return db_.execute("DELETE FROM reports WHERE id NOT IN (SELECT report FROM entries)");
  }

  Result<HistoryEntry> read_entry(const store::Statement& row) {
    const std::int64_t id = row.number(0);
    TRY_ASSIGN(const Json clear, open_row(key_, place_of_entry(id, row.text(1)), row.text(2)));
    return parse_entry(clear, id);
  }

  std::mutex mutex_;
  store::Database db_;
  SecretBytes key_;
  std::int64_t most_ = 0;
};

}  // namespace

Result<std::unique_ptr<History>> History::open(const std::string& folder, std::size_t most) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(Errc::unavailable,
                fmt::format("cannot make {}: {}", folder, std::generic_category().message(errno)));
  }
  TRY_ASSIGN(store::Database db, store::open_owned_file(folder + "/history.db", kFile));
  TRY_ASSIGN(const std::int64_t rows, db.number("SELECT count(*) FROM entries"));
  TRY_ASSIGN(SecretBytes key, load_history_key(folder + "/history.key", /*may_make=*/rows == 0));
  return SqliteHistory::open(std::move(db), std::move(key), most);
}

}  // namespace confide::proxy
