// Which requests were already taken: E2EE ones (contract 2.7, rules E9-E11) and sealed ones (rule
// O15), by the client's key for this request, ours, and what else makes it unique.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace confide::seal {

// How far a request's timestamp may be from our clock, on either side.
inline constexpr std::chrono::seconds kMaxSkew{300};

// Remembers (client key, service key, nonce) until max(timestamp, now) + 301 s, when the timestamp
// can no longer be accepted. What it forgets it also refuses from then on: no timestamp at or
// before that of anything forgotten is fresh, even if the clock steps back. Bounded: under a flood
// the accepted window shrinks from its old end, down to 30 s; beyond that claims are refused. About
// 75 bytes an entry. Thread-safe.
class ReplayCache {
 public:
  explicit ReplayCache(std::size_t capacity = 1'000'000);

  // `full` also stands for a timestamp older than what is still remembered.
  enum class Claim { fresh, replayed, full };
  // Takes the slot if the answer is `fresh`. The nonce is compared without regard to case.
  Claim claim(std::string_view client_key, std::string_view service_key, std::string_view nonce,
              Time timestamp, Time now);
  // What claim() would answer now; takes nothing.
  Claim look(std::string_view client_key, std::string_view service_key, std::string_view nonce,
             Time timestamp, Time now);

 private:
  using Key = ByteArray<16>;
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept;
  };

  Key key_of(std::string_view client_key, std::string_view service_key,
             std::string_view nonce) const;
  Claim answer(const Key& key, Time timestamp, Time now);
  bool has_room(Time timestamp, Time now) const;
  void forget_oldest();

  const std::size_t capacity_;
  const Bytes salt_;  // keys are salted hashes, so nobody can choose which of them collide
  std::mutex mutex_;
  std::unordered_set<Key, KeyHash> live_;
  std::map<Time, std::vector<Key>> seconds_;  // by max(timestamp, now)
  Time floor_ = Time::min();                  // no timestamp up to here is fresh
};

}  // namespace confide::seal
