// Starting, stopping and draining the server; who may connect, and how many.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <openssl/ssl.h>
#include <sys/resource.h>

#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "net/test_server.h"

namespace confide::net {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

struct ServerLifecycle : ServerTest {
  // Until the listener is gone.
  void await_refusal() const {
    for (;;) {
      Socket probe;
      if (!probe.connect(server->port())) return;
    }
  }
};

ServerOptions options_on(const std::string& address, std::uint16_t port) {
  return {.address = address,
          .port = port,
          .tls = TlsContext::server(identity().certificate, identity().key).value(),
          .limits = {},
          .make_error = make_error};
}

const Handler kNoHandler = [](HttpRequest, std::shared_ptr<Exchange>) {};

TEST_F(ServerLifecycle, SaysWhyItCannotStart) {
  start();
  const auto taken = Server::start(options_on("127.0.0.1", server->port()), kNoHandler);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Errc::unavailable);
  EXPECT_THAT(taken.error().message, HasSubstr("in use"));

  const auto nowhere = Server::start(options_on("localhost", 0), kNoHandler);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, Errc::malformed);

  auto keyless = options_on("127.0.0.1", 0);
  keyless.tls.reset();
  const auto refused = Server::start(std::move(keyless), kNoHandler);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::internal);
}

TEST_F(ServerLifecycle, ANewCertificateIsForNewConnections) {
  start();
  const auto before = connect();
  const Identity other = make_identity();
  server->set_tls(TlsContext::server(other.certificate, other.key).value());
  const auto after = connect();
  EXPECT_TRUE(before->peer_certificate() == identity().certificate);
  EXPECT_TRUE(after->peer_certificate() == other.certificate);
  EXPECT_EQ(before->send(post("/echo", "old")).value().body, "old");
  EXPECT_EQ(after->send(post("/echo", "new")).value().body, "new");
}

TEST_F(ServerLifecycle, RefusesTls12) {
  start();
  const auto shake_hands = [this](int version) {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> ctx(SSL_CTX_new(TLS_client_method()),
                                                                SSL_CTX_free);
    SSL_CTX_set_max_proto_version(ctx.get(), version);
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(ctx.get()), SSL_free);
    Socket socket;
    EXPECT_TRUE(socket.connect(server->port()));
    SSL_set_fd(ssl.get(), socket.fd());
    return SSL_connect(ssl.get()) == 1;
  };
  EXPECT_FALSE(shake_hands(TLS1_2_VERSION));
  EXPECT_TRUE(shake_hands(TLS1_3_VERSION));
}

TEST_F(ServerLifecycle, RefusesPlainHttpAndNoise) {
  start();
  for (const std::string_view bytes :
       {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "\x16\x03\x01\xff\xff"}) {
    Socket socket;
    ASSERT_TRUE(socket.connect(server->port()));
    socket.send(bytes);
    socket.end_sending();
    std::string all;
    for (std::string more = socket.receive(); !more.empty(); more = socket.receive()) all += more;
    EXPECT_LT(all.size(), 16U);  // an alert at most
  }
  EXPECT_EQ(held.size(), 0U);
}

TEST_F(ServerLifecycle, TurnsAwayConnectionsOverTheLimit) {
  ServerLimits limits;
  limits.max_connections = 2;
  start(limits);
  auto first = raw();
  auto second = raw();
  ASSERT_TRUE(first.engine().established() && second.engine().established());
  Socket third;
  ASSERT_TRUE(third.connect(server->port()));
  EXPECT_THAT(third.receive(), IsEmpty());
  EXPECT_EQ(server->open_connections(), 2U);
  first.close_notify();
  EXPECT_THAT(first.read_to_end(), IsEmpty());
  EXPECT_TRUE(raw().engine().established());
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

TEST_F(ServerLifecycle, BacksOffWithoutFileDescriptors) {
  start();
  Socket socket;
  const timeval patience{.tv_sec = 0, .tv_usec = 500'000};
  setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const int free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(free);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(free);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const double cpu = cpu_seconds();
  const bool connected = socket.connect(server->port());  // the kernel's backlog takes it
  const std::string nothing = socket.receive();
  const double used = cpu_seconds() - cpu;
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(connected);
  EXPECT_EQ(nothing, "");
  EXPECT_LT(used, 0.25);
  EXPECT_TRUE(connect()->send(post("/echo", "x")));
}

TEST_F(ServerLifecycle, DrainFinishesRunningStreamsAndRefusesNewConnections) {
  start();
  auto idle = raw();
  auto running = raw();
  running.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto one = held.take();
  auto waiting = raw();
  waiting.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto two = held.take();
  one->exchange->start({});
  one->exchange->write("before ");
  EXPECT_THAT(running.read_until("before "), HasSubstr("200 OK"));

  auto drained = std::async(std::launch::async, [this] { server->drain(kPatience); });
  await_refusal();
  EXPECT_THAT(idle.read_to_end(), IsEmpty());
  EXPECT_TRUE(idle.ended_cleanly());
  EXPECT_EQ(open().error().code, Errc::unavailable);

  one->exchange->write("after");
  one->exchange->finish();
  EXPECT_THAT(running.read_to_end(), EndsWith("5\r\nafter\r\n0\r\n\r\n"));
  EXPECT_TRUE(running.ended_cleanly());
  running.socket().close();
  two->exchange->respond({});
  EXPECT_THAT(waiting.read_to_end(), HasSubstr("Connection: close\r\n"));
  waiting.socket().close();
  drained.get();
  EXPECT_EQ(server->open_connections(), 0U);
  server->drain(kPatience);
}

TEST_F(ServerLifecycle, DrainBreaksWhatOutlastsItsGrace) {
  start();
  auto peer = raw();
  peer.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto one = held.take();
  const auto gone = watch_gone(*one->exchange);
  one->exchange->start({});
  server->drain(std::chrono::seconds(0));
  EXPECT_EQ(gone->size(), 1U);
  EXPECT_EQ(server->open_connections(), 0U);
  EXPECT_THAT(peer.read_to_end(), Not(EndsWith("0\r\n\r\n")));
  EXPECT_FALSE(peer.ended_cleanly());
}

TEST_F(ServerLifecycle, StopsWithRequestsUnderWayOnOtherThreads) {
  start();
  std::vector<TlsPeer> peers;
  std::vector<std::thread> producers;
  std::vector<std::shared_ptr<Mailbox<bool>>> gone;
  for (int i = 0; i < 4; ++i) {
    peers.push_back(raw());
    peers.back().send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    auto one = held.take();
    gone.push_back(watch_gone(*one->exchange));
    producers.emplace_back([exchange = one->exchange, left = gone.back()] {
      exchange->start({});
      while (left->size() == 0) {
        exchange->write("more");
        std::this_thread::yield();
      }
    });
    one.reset();
  }
  server.reset();
  for (auto& producer : producers) producer.join();
  for (const auto& left : gone) EXPECT_EQ(left->size(), 1U);
}

TEST_F(ServerLifecycle, HandlerThatThrowsIsAnswered500) {
  auto started = Server::start(
      options_on("127.0.0.1", 0),
      [](HttpRequest, std::shared_ptr<Exchange>) { throw std::runtime_error("oops"); });
  server = *std::move(started);
  auto peer = raw();
  peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(peer.read_until("internal error"), StartsWith("HTTP/1.1 500 "));
}

}  // namespace
}  // namespace confide::net
