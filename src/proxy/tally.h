// What the proxy has done so far, for people: counts, and the last few answers.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "base/json.h"
#include "proxy/history.h"

namespace confide::proxy {

struct Counts {
  std::uint64_t requests = 0;
  std::uint64_t under_way = 0;
  std::uint64_t refused = 0;  // answered with an error of ours, or broken off
  std::uint64_t receipts_verified = 0;
  std::uint64_t receipts_failed = 0;
};

// Thread-safe.
class Tally {
 public:
  // Counts a request as under way while it lives, and as refused unless it was answered.
  class Request {
   public:
    explicit Request(Tally& tally) : tally_(tally) { tally_.began(); }
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;
    ~Request() { tally_.ended(!answered_); }
    void answered() noexcept { answered_ = true; }

   private:
    Tally& tally_;
    bool answered_ = false;
  };
  // Of a receipt that was checked; `entry.id` is 0 if it could not be kept.
  void checked(const HistoryEntry& entry);

  Counts counts() const;
  // The newest first: id, at, service, model, path, receipt_id, verified, check.
  Json recent() const;

 private:
  void began();
  void ended(bool refused);

  mutable std::mutex mutex_;
  Counts counts_;
  std::deque<HistoryEntry> recent_;  // without documents
};

}  // namespace confide::proxy
