#include "api/brief_receipts.h"

#include <utility>

namespace confide::api {

void BriefReceipts::put(const std::string& id, store::StoredReceipt receipt) {
  const std::lock_guard lock(mutex_);
  if (oldest_first_.size() >= most_) {
    receipts_.erase(oldest_first_.front());
    oldest_first_.pop_front();
  }
  receipts_.insert_or_assign(id, std::move(receipt));
  oldest_first_.push_back(id);
}

std::optional<store::StoredReceipt> BriefReceipts::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = receipts_.find(id);
  if (found == receipts_.end()) return std::nullopt;
  return found->second;
}

}  // namespace confide::api
