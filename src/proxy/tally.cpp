#include "proxy/tally.h"

namespace confide::proxy {
namespace {

constexpr std::size_t kRecent = 20;

}  // namespace

void Tally::began() {
  const std::lock_guard lock(mutex_);
  ++counts_.requests;
  ++counts_.under_way;
}

void Tally::ended(bool refused) {
  const std::lock_guard lock(mutex_);
  --counts_.under_way;
  if (refused) ++counts_.refused;
}

void Tally::checked(const HistoryEntry& entry) {
  const std::lock_guard lock(mutex_);
  ++(entry.verified ? counts_.receipts_verified : counts_.receipts_failed);
  recent_.push_front(entry);
  recent_.front().receipt.clear();
  if (recent_.size() > kRecent) recent_.pop_back();
}

Counts Tally::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

Json Tally::recent() const {
  const std::lock_guard lock(mutex_);
  Json out = Json::array();
  for (const HistoryEntry& entry : recent_) {
    out.push_back({{"id", entry.id},
                   {"at", to_rfc3339(entry.at)},
                   {"service", entry.service},
                   {"model", entry.model},
                   {"path", entry.path},
                   {"receipt_id", entry.receipt_id},
                   {"verified", entry.verified},
                   {"check", entry.check}});
  }
  return out;
}

}  // namespace confide::proxy
