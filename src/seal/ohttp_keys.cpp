#include "seal/ohttp_keys.h"

#include <algorithm>
#include <utility>

namespace confide::seal {

OhttpKeys::OhttpKeys(GatewayKey current)
    : current_(std::make_shared<const GatewayKey>(std::move(current))) {}

void OhttpKeys::rotate(GatewayKey next, SteadyTime now, std::chrono::seconds grace) {
  const std::lock_guard lock(mutex_);
  retired_.push_back({.key = current_, .until = now + grace});
  current_ = std::make_shared<const GatewayKey>(std::move(next));
  const auto id = current_->config().key_id;
  std::erase_if(retired_, [&](const Retired& old) {
    return old.until <= now || old.key->config().key_id == id;
  });
}

void OhttpKeys::forget_expired(SteadyTime now) {
  const std::lock_guard lock(mutex_);
  std::erase_if(retired_, [&](const Retired& old) { return old.until <= now; });
}

std::uint8_t OhttpKeys::next_id() const {
  return static_cast<std::uint8_t>(current()->config().key_id + 1);
}

std::shared_ptr<const GatewayKey> OhttpKeys::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

Bytes OhttpKeys::published() const { return join_key_configs({current()->encoded()}); }

Result<OhttpKeys::Opened> OhttpKeys::open(OhttpForm form, ByteView capsule) const {
  TRY_ASSIGN(const auto id, key_id_of(capsule));
  std::shared_ptr<const GatewayKey> key;
  bool retired = false;
  {
    const std::lock_guard lock(mutex_);
    if (current_->config().key_id == id) key = current_;
    for (const Retired& old : retired_) {
      if (key != nullptr || old.key->config().key_id != id) continue;
      key = old.key;
      retired = true;
    }
  }
  if (key == nullptr) return fail(Errc::mismatch, "encapsulated request (O3): another key");
  TRY_ASSIGN(auto opened, open_request(*key, form, capsule));
  return Opened{.capsule = std::move(opened), .key = key->config().public_key, .retired = retired};
}

}  // namespace confide::seal
