// Receipts that outlive the process: one SQLite file, and journals of what is on its way into it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace confide::store {

struct Retention {
  std::chrono::seconds max_age{std::chrono::days{30}};
  std::size_t max_receipts = 1'000'000;
};

struct StoredReceipt {
  std::string document;  // the exact bytes to serve
  std::string owner;     // "sha256:" + hex of the bearer token's digest, empty if anonymous
};

// Thread-safe. put() returns once the receipt would survive the death of this process.
class ReceiptStore {
 public:
  // Creates the file (mode 0600) and its schema if needed. Fails with `unavailable`, `unsupported`
  // if the file was written by a newer version, or `malformed` if it is not ours or is damaged; the
  // file is left as it is then.
  static Result<std::unique_ptr<ReceiptStore>> open(const std::string& path, Retention retention);
  virtual ~ReceiptStore() = default;

  // A receipt is never overwritten: of two with one id the first stands. Fails with `mismatch` if
  // the other has just come, `unavailable` if it cannot be written.
  virtual Status put(const std::string& receipt_id, const std::optional<std::string>& chat_id,
                     const StoredReceipt& receipt, Time now) = 0;
  // By receipt id first, then the newest by chat id (chat ids may collide: an older receipt is
  // still there under its own id). Fails with `not_found`, also when over max_age. The caller
  // compares the owner.
  virtual Result<StoredReceipt> find(const std::string& id, Time now) = 0;
  // Drops what is too old or too many; returns how many went. Called now and then by put() itself.
  virtual Result<std::size_t> prune(Time now) = 0;
};

}  // namespace confide::store
