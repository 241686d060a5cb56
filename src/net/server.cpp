#include "net/server.h"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/server_connection.h"
#include "ops/log.h"

namespace confide::net {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// Out of file descriptors, the waiting connection stays ready to be accepted: trying at once spins.
constexpr std::chrono::milliseconds kAcceptBackoff{50};

class HttpServer final : public Server {
 public:
  HttpServer(ServerOptions options, Handler handler);
  ~HttpServer() override;
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  Status listen();
  void run();

  std::uint16_t port() const noexcept override { return port_; }
  void drain(std::chrono::seconds grace) override;
  std::size_t open_connections() const noexcept override { return open_; }
  void set_tls(TlsContext tls) override {
    asio::post(io_, [this, tls = std::move(tls)] { shared_.options.tls = tls; });
  }

 private:
  // Takes `this`: the server outlives it, since the destructor runs the context to its end.
  static asio::awaitable<void> accept_loop(HttpServer* self);
  Result<std::unique_ptr<StreamEngine>> make_engine() const;
  void accepted(tcp::socket socket);
  void closed(ServerConnection& connection);
  void stop_accepting();
  void close_all();
  std::vector<std::shared_ptr<ServerConnection>> connections() const;
  void io_loop();

  asio::io_context io_{1};  // first, so that it goes last
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  tcp::acceptor acceptor_{io_};
  asio::steady_timer backoff_{io_};
  ServerShared shared_;
  std::uint16_t port_ = 0;
  std::unordered_map<ServerConnection*, std::shared_ptr<ServerConnection>> connections_;

  std::atomic<std::size_t> open_{0};
  std::mutex mutex_;  // with all_closed_
  std::condition_variable all_closed_;
  std::thread thread_;
};

HttpServer::HttpServer(ServerOptions options, Handler handler)
    : shared_{std::move(options), std::move(handler), false,
              [this](ServerConnection& connection) { closed(connection); }} {}

HttpServer::~HttpServer() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    stop_accepting();
    close_all();
    work_.reset();
  });
  thread_.join();
}

Status HttpServer::listen() {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(shared_.options.address, error);
  if (error)
    return fail(Errc::malformed, fmt::format("not an address: {}", shared_.options.address));
  const tcp::endpoint endpoint(address, shared_.options.port);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) port_ = acceptor_.local_endpoint(error).port();
  if (error) {
    return fail(Errc::unavailable,
                fmt::format("cannot listen on {} port {}: {}", shared_.options.address,
                            shared_.options.port, error.message()));
  }
  return {};
}

void HttpServer::run() {
  asio::co_spawn(io_, accept_loop(this), [](const std::exception_ptr& error) {
    if (error) ops::log_error("accepting connections failed");
  });
  thread_ = std::thread([this] { io_loop(); });
}

void HttpServer::io_loop() {
  for (;;) {
    try {
      io_.run();
      return;
    } catch (const std::exception&) {
      // Of one connection or one handler; the others go on.
      ops::log_error("an exception reached the I/O loop");
    }
  }
}

asio::awaitable<void> HttpServer::accept_loop(HttpServer* self) {
  while (self->acceptor_.is_open()) {
    auto accepted = co_await self->acceptor_.async_accept(kAwait);
    if (!std::get<0>(accepted)) {
      self->accepted(std::move(std::get<1>(accepted)));
    } else if (self->acceptor_.is_open()) {
      self->backoff_.expires_after(kAcceptBackoff);
      const auto waited = co_await self->backoff_.async_wait(kAwait);
      static_cast<void>(waited);
    }
  }
}

Result<std::unique_ptr<StreamEngine>> HttpServer::make_engine() const {
  if (shared_.options.plain) return std::make_unique<PlainEngine>();
  TRY_ASSIGN(TlsEngine engine, TlsEngine::accept(*shared_.options.tls));
  return std::make_unique<TlsEngine>(std::move(engine));
}

void HttpServer::accepted(tcp::socket socket) {
  // A socket that goes out of scope here is closed: the quickest way to say no.
  if (shared_.draining || connections_.size() >= shared_.options.limits.max_connections) return;
  auto engine = make_engine();
  if (!engine) return ops::log_error(engine.error().message);
  const auto connection =
      std::make_shared<ServerConnection>(shared_, std::move(socket), *std::move(engine));
  connections_.emplace(connection.get(), connection);
  open_ = connections_.size();
  connection->start();
}

void HttpServer::closed(ServerConnection& connection) {
  connections_.erase(&connection);
  const std::scoped_lock lock(mutex_);
  open_ = connections_.size();
  if (open_ == 0) all_closed_.notify_all();
}

void HttpServer::stop_accepting() {
  shared_.draining = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  backoff_.cancel();
}

// A copy, since closing one takes it out of the table.
std::vector<std::shared_ptr<ServerConnection>> HttpServer::connections() const {
  std::vector<std::shared_ptr<ServerConnection>> all;
  for (const auto& [key, connection] : connections_) all.push_back(connection);
  return all;
}

void HttpServer::close_all() {
  for (const auto& connection : connections()) connection->close();
}

void HttpServer::drain(std::chrono::seconds grace) {
  bool asked = false;
  asio::post(io_, [this, &asked] {
    stop_accepting();
    for (const auto& connection : connections()) connection->drain();
    const std::scoped_lock lock(mutex_);
    asked = true;
    all_closed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  all_closed_.wait(lock, [&] { return asked; });
  all_closed_.wait_for(lock, grace, [this] { return open_ == 0; });
  asio::post(io_, [this] { close_all(); });
  all_closed_.wait(lock, [this] { return open_ == 0; });
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Handler handler) {
  if (!options.plain && !options.tls) return fail(Errc::internal, "server without a TLS key");
  auto server = std::make_unique<HttpServer>(std::move(options), std::move(handler));
  TRY(server->listen());
  server->run();
  return server;
}

}  // namespace confide::net
