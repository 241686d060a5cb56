#include "seal/replay.h"

#include <algorithm>
#include <cstring>

#include "crypto/hash.h"
#include "crypto/random.h"

namespace confide::seal {
namespace {

// Requests this close to our clock are never pushed out: it covers an honest client's clock and
// network. Those further ahead may take half of the memory, or they could squat in it for ten
// minutes.
constexpr std::chrono::seconds kNear{30};
constexpr std::chrono::seconds kRemembered = kMaxSkew + std::chrono::seconds{1};

}  // namespace

ReplayCache::ReplayCache(std::size_t capacity)
    : capacity_(std::max<std::size_t>(capacity, 2)), salt_(crypto::random_bytes(16)) {}

std::size_t ReplayCache::KeyHash::operator()(const Key& key) const noexcept {
  std::size_t hash = 0;
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

// The two keys come in normal form, so their lengths follow from the suite and the three parts
// cannot be confused.
ReplayCache::Key ReplayCache::key_of(std::string_view client_key, std::string_view service_key,
                                     std::string_view nonce) const {
  Bytes input = salt_;
  append(input, as_bytes(client_key));
  append(input, as_bytes(service_key));
  for (const char c : nonce) {
    input.push_back(static_cast<std::uint8_t>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c));
  }
  const auto digest = crypto::sha256(input);
  Key key{};
  std::copy_n(digest.begin(), key.size(), key.begin());
  return key;
}

ReplayCache::Claim ReplayCache::claim(std::string_view client_key, std::string_view service_key,
                                      std::string_view nonce, Time timestamp, Time now) {
  const Key key = key_of(client_key, service_key, nonce);
  const std::lock_guard lock(mutex_);
  const Claim result = answer(key, timestamp, now);
  if (result != Claim::fresh) return result;
  if (live_.size() >= capacity_) forget_oldest();
  live_.insert(key);
  seconds_[std::max(timestamp, now)].push_back(key);
  return result;
}

ReplayCache::Claim ReplayCache::look(std::string_view client_key, std::string_view service_key,
                                     std::string_view nonce, Time timestamp, Time now) {
  const Key key = key_of(client_key, service_key, nonce);
  const std::lock_guard lock(mutex_);
  return answer(key, timestamp, now);
}

ReplayCache::Claim ReplayCache::answer(const Key& key, Time timestamp, Time now) {
  while (!seconds_.empty() && seconds_.begin()->first + kRemembered <= now) forget_oldest();
  if (live_.contains(key)) return Claim::replayed;
  if (timestamp <= floor_ || !has_room(timestamp, now)) return Claim::full;
  return Claim::fresh;
}

bool ReplayCache::has_room(Time timestamp, Time now) const {
  if (timestamp > now + kNear) {
    std::size_t ahead = 0;
    for (auto it = seconds_.upper_bound(now + kNear); it != seconds_.end(); ++it) {
      ahead += it->second.size();
    }
    if (ahead >= capacity_ / 2) return false;
  }
  if (live_.size() < capacity_) return true;
  const Time oldest = seconds_.begin()->first;
  return oldest < now - kNear && oldest < timestamp;
}

// Everything in a second's list has a timestamp up to that second, so raising the floor to it keeps
// the forgotten refused.
void ReplayCache::forget_oldest() {
  const auto oldest = seconds_.begin();
  floor_ = std::max(floor_, oldest->first);
  for (const Key& key : oldest->second) live_.erase(key);
  seconds_.erase(oldest);
}

}  // namespace confide::seal
