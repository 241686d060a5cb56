// A server for the tests of this folder: routes by path, and hands unanswered exchanges to the
// test.
#pragma once

#include <gmock/gmock.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "net/client.h"
#include "net/server.h"
#include "net/test_peer.h"

namespace confide::net {

inline constexpr std::chrono::seconds kPatience{20};  // only a test that fails waits so long

// A value that one thread sets and another waits for.
template <class T>
class Mailbox {
 public:
  void put(T value) {
    const std::scoped_lock lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  std::optional<T> take(std::chrono::seconds patience = kPatience) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, patience, [this] { return !values_.empty(); }))
      return std::nullopt;
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }
  std::size_t size() {
    const std::scoped_lock lock(mutex_);
    return values_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> values_;
};

inline HttpResponse make_error(int status, std::string_view message, std::string_view path) {
  HttpResponse response;
  response.status = status;
  response.headers.add("X-Every", "response");
  response.headers.add("X-Path", std::string(path));
  response.body = "error: " + std::string(message);
  return response;
}

struct ServerTest : ::testing::Test {
  using ExchangePtr = std::shared_ptr<Exchange>;
  struct Held {
    HttpRequest request;
    ExchangePtr exchange;
  };

  // "/echo" answers with the body, anything else is held for the test.
  void start(const ServerLimits& limits = {}) {
    ServerOptions options{.address = "127.0.0.1",
                          .port = 0,
                          .tls = TlsContext::server(identity().certificate, identity().key).value(),
                          .limits = limits,
                          .make_error = make_error};
    auto started =
        Server::start(std::move(options), [this](HttpRequest request, ExchangePtr exchange) {
          if (request.path != "/echo") return held.put({std::move(request), std::move(exchange)});
          HttpResponse response;
          response.headers.add("X-Method", request.method);
          response.body =
              request.method == "GET" ? "got " + request.query : std::move(request.body);
          exchange->respond(std::move(response));
        });
    ASSERT_TRUE(started) << started.error().message;
    server = *std::move(started);
  }

  Url url() const { return {.host = "127.0.0.1", .port = server->port(), .base_path = ""}; }
  Result<std::unique_ptr<Connection>> open(const ClientLimits& limits = {}) const {
    return Connection::open(url(), std::nullopt, limits);
  }
  std::unique_ptr<Connection> connect(const ClientLimits& limits = {}) const {
    return open(limits).value();
  }
  TlsPeer raw() const { return TlsPeer::connect(server->port()); }

  Mailbox<Held> held;
  std::unique_ptr<Server> server;
};

inline HttpRequest get(const std::string& path) {
  return {.method = "GET", .path = path, .query = "", .headers = {}, .body = ""};
}
inline HttpRequest post(const std::string& path, std::string body) {
  return {.method = "POST", .path = path, .query = "", .headers = {}, .body = std::move(body)};
}

// Becomes true when the client of the exchange is gone.
inline std::shared_ptr<Mailbox<bool>> watch_gone(Exchange& exchange) {
  auto gone = std::make_shared<Mailbox<bool>>();
  exchange.on_gone([gone] { gone->put(true); });
  return gone;
}

}  // namespace confide::net
