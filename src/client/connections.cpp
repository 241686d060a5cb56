#include "client/connections.h"

namespace confide::client {
namespace {

constexpr std::size_t kMaxIdle = 32;

}  // namespace

void Cancellation::cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  if (connection_ != nullptr) connection_->abort();
}

bool Cancellation::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

void Cancellation::watch(net::Connection* connection) {
  const std::lock_guard lock(mutex_);
  connection_ = connection;
  if (cancelled_ && connection_ != nullptr) connection_->abort();
}

Result<Peer> Connections::take() {
  while (true) {
    Peer peer;
    {
      const std::lock_guard lock(mutex_);
      if (idle_.empty()) break;
      peer = std::move(idle_.back());
      idle_.pop_back();
    }
    if (peer.connection->is_open()) return peer;
  }
  Peer fresh;
  TRY_ASSIGN(fresh.connection, open_new());
  return fresh;
}

Result<std::unique_ptr<net::Connection>> Connections::open_new() const {
  return net::Connection::open(url_, std::nullopt, limits_);
}

void Connections::give_back(Peer peer) {
  if (peer.connection == nullptr || !peer.connection->is_open()) return;
  peer.used_before = true;
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kMaxIdle) idle_.push_back(std::move(peer));
}

}  // namespace confide::client
