// One request being answered, between the handler that answers it on any thread and the connection
// that writes the answer on the I/O thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "net/http.h"

namespace confide::net {

class ExchangeCore {
 public:
  // `wake` tells the connection that there is something to take. It runs under a lock, so that it
  // never runs after detach(): it may post, and must do nothing else.
  explicit ExchangeCore(std::function<void()> wake) : wake_(std::move(wake)) {}

  enum class End { open, finished, aborted, unanswered };
  // What the handler produced since the last take().
  struct Outgoing {
    std::optional<HttpResponse> head;
    bool whole = false;  // the head has the whole body
    std::string bytes;
    End end = End::open;
  };

  // The connection's side.
  Outgoing take();
  // How much of what it took the connection still holds.
  void set_backlog(std::size_t bytes);
  // The connection takes no more. If there is no complete answer yet, the client is gone.
  void detach();

  // The handler's side, as Exchange says.
  void respond(HttpResponse response);
  void start(HttpResponse head);
  void write(std::string bytes);
  std::size_t unsent() const;
  void finish();
  void abort();
  void on_gone(std::function<void()> callback);
  // The handler let go of its exchange.
  void drop();

 private:
  using Callbacks = std::vector<std::function<void()>>;
  enum class Stage { waiting, streaming, ended, gone };

  // With the lock held.
  void notify();
  // With the lock held. Returns the callbacks for the caller to destroy without it: what they own
  // may call back.
  [[nodiscard]] Callbacks end(End how);

  mutable std::mutex mutex_;
  Stage stage_ = Stage::waiting;
  Outgoing queued_;
  std::size_t backlog_ = 0;
  bool wake_sent_ = false;
  std::function<void()> wake_;
  Callbacks on_gone_;
};

// The handler's end.
std::shared_ptr<Exchange> make_exchange(std::shared_ptr<ExchangeCore> core);

}  // namespace confide::net
