// Receipts of answers that cost their callers next to nothing. Kept beside the store, so that
// nobody can push the receipts of real answers out of it by asking for many of these.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "store/receipts.h"

namespace confide::api {

// In memory, the newest alone: whoever wants one fetches it soon. Thread-safe.
class BriefReceipts {
 public:
  // About 2 kB each.
  static constexpr std::size_t kMost = 16'384;

  explicit BriefReceipts(std::size_t most = kMost) : most_(most) {}

  // `id` is new.
  void put(const std::string& id, store::StoredReceipt receipt);
  std::optional<store::StoredReceipt> find(const std::string& id) const;

 private:
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::deque<std::string> oldest_first_;
  std::unordered_map<std::string, store::StoredReceipt> receipts_;
};

}  // namespace confide::api
