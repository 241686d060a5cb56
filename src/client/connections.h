// Connections to one service, kept open between exchanges, and a way to end an exchange from
// outside.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "net/client.h"

namespace confide::client {

// Ends an exchange under way. Thread-safe.
class Cancellation {
 public:
  void cancel();
  bool cancelled() const;

 private:
  friend class Watch;
  // The connection that cancel() is to end, until another, or null, is named.
  void watch(net::Connection* connection);

  mutable std::mutex mutex_;
  net::Connection* connection_ = nullptr;
  bool cancelled_ = false;
};

// While it lives, cancel() ends what is under way on `connection`, which outlives it.
class Watch {
 public:
  Watch(Cancellation& cancellation, net::Connection& connection) : cancellation_(cancellation) {
    cancellation_.watch(&connection);
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { cancellation_.watch(nullptr); }

 private:
  Cancellation& cancellation_;
};

struct Attestation;

// A connection, and what the process at its end was found to be. Behind a load balancer each may
// end at another one.
struct Peer {
  std::unique_ptr<net::Connection> connection;
  std::shared_ptr<const Attestation> attestation;  // null on a new connection
  bool used_before = false;                        // the service may have closed it just now
};

// Thread-safe; one connection has one user at a time. Keys are not pinned.
class Connections {
 public:
  Connections(net::Url url, const net::ClientLimits& limits)
      : url_(std::move(url)), limits_(limits) {}

  // The one that was given back last and is still open, or else a new one.
  Result<Peer> take();
  Result<std::unique_ptr<net::Connection>> open_new() const;
  void give_back(Peer peer);
  const net::Url& url() const noexcept { return url_; }

 private:
  net::Url url_;
  net::ClientLimits limits_;
  std::mutex mutex_;
  std::vector<Peer> idle_;
};

}  // namespace confide::client
