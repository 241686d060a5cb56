// What was answered and how it verified: a bounded list of receipts, encrypted at rest.
// docs/proxy.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace confide::proxy {

// The report that vouched for a receipt's key, with all that judging it again takes.
struct ReportRecord {
  std::string document;  // as served
  std::string nonce;     // that it was asked for with
  Time verified_at{};
};

// One answer. No byte of it or of its question is kept.
struct HistoryEntry {
  std::int64_t id = 0;
  Time at{};
  std::string service;  // URL
  std::string method;
  std::string path;
  std::string model;  // of the receipt; empty if it names none
  bool verified = false;
  std::string check;   // the id that failed, or kUnreadable; empty if verified
  std::string detail;  // why
  std::string receipt_id;
  std::string receipt;  // the document; empty if there is none
  std::string request_hash;
  std::string response_hash;
  std::string client_nonce;
  std::string keyset_digest;
};

// Thread-safe, and several processes may have it open. Rows are AES-256-GCM under a key that lies
// in a file of its own beside them (mode 0600): who has the database alone has nothing, and rows
// that were changed, or put in another's place, do not open.
class History {
 public:
  static constexpr std::size_t kDefaultMost = 10'000;
  // In `check` of a row that cannot be read; `detail` says why, and all else is empty.
  static constexpr const char* kUnreadable = "history.row";

  // In `folder`, made if need be (mode 0700): history.db and history.key. Keeps the newest `most`
  // entries. Fails with `unavailable`, `malformed`, `policy` if others may read the key, or
  // `not_found` if it is gone while there are entries.
  static Result<std::unique_ptr<History>> open(const std::string& folder,
                                               std::size_t most = kDefaultMost);
  virtual ~History() = default;

  // Gives the entry's new id.
  virtual Result<std::int64_t> add(const HistoryEntry& entry, const ReportRecord& report) = 0;
  // The newest first, `most` of them; a row that cannot be read is kUnreadable.
  virtual Result<std::vector<HistoryEntry>> list(std::size_t most) = 0;
  // Fails with `not_found`, with `bad_signature` if it was changed.
  virtual Result<HistoryEntry> find(std::int64_t id) = 0;
  virtual Result<ReportRecord> report_of(std::int64_t id) = 0;
};

}  // namespace confide::proxy
