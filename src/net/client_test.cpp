#include "net/client.h"

#include <gmock/gmock.h>

#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "net/test_server.h"

namespace confide::net {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ParseUrl, TakesHttpsAlone) {
  const auto url = parse_url("HTTPS://Example.ORG").value();
  EXPECT_EQ(url.host, "example.org");
  EXPECT_EQ(url.port, 443);
  EXPECT_EQ(url.base_path, "");
  const auto full = parse_url("https://[::1]:8443/a/b//").value();
  EXPECT_EQ(full.host, "::1");
  EXPECT_EQ(full.port, 8443);
  EXPECT_EQ(full.base_path, "/a/b");
  for (const auto* bad : {"",
                          "http://a",
                          "https://",
                          "https:///x",
                          "https://a:",
                          "https://a:0",
                          "https://a:65536",
                          "https://a:1x",
                          "https://u@a",
                          "https://a?b",
                          "https://a/?b",
                          "https://a/#c",
                          "https://a b",
                          "https://a/b c",
                          "https://[::1",
                          "https://[a]",
                          "https://[::1]x",
                          "https://::1",
                          "https://a\r\nb",
                          "https://a/\r\nb"}) {
    const auto refused = parse_url(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, Errc::malformed) << bad;
  }
}

// A server that does what the test says with one connection, then goes.
class Scripted {
 public:
  explicit Scripted(std::function<void(TlsPeer&)> script)
      : port_(listener_.listen()), thread_([this, script = std::move(script)] {
          TlsPeer peer = TlsPeer::accept(listener_);
          script(peer);
        }) {}
  ~Scripted() { join(); }
  Scripted(const Scripted&) = delete;
  Scripted& operator=(const Scripted&) = delete;
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  Url url() const { return {.host = "127.0.0.1", .port = port_, .base_path = ""}; }

 private:
  Socket listener_;
  std::uint16_t port_;
  std::thread thread_;
};

Result<HttpResponse> ask(const Url& url, const ClientLimits& limits = {}) {
  TRY_ASSIGN(const auto client, Connection::open(url, std::nullopt, limits));
  return client->send(get("/"));
}

TEST(Client, ShowsTheCertificateAndTakesTheRightPin) {
  Scripted server([](TlsPeer& peer) { peer.read_to_end(); });
  const auto pin = to_hex(identity().certificate.spki_sha256());
  const auto client = Connection::open(server.url(), pin);
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_TRUE((*client)->peer_certificate() == identity().certificate);
}

TEST(Client, SendsNoHttpToAnotherKey) {
  std::string arrived = "unset";
  Scripted server([&](TlsPeer& peer) { arrived = peer.read_to_end(); });
  const auto client = Connection::open(server.url(), std::string(64, 'a'));
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Errc::untrusted);
  server.join();
  EXPECT_EQ(arrived, "");
}

struct ClientAgainstServer : ServerTest {};

TEST_F(ClientAgainstServer, PinMismatchReachesNoHandler) {
  start();
  const auto client = Connection::open(url(), std::string(64, '0'));
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Errc::untrusted);
  server->drain(kPatience);
  EXPECT_EQ(held.size(), 0U);
}

TEST(Client, RefusesAPinThatIsNone) {
  Scripted server([](TlsPeer& peer) { peer.read_to_end(); });
  const auto client = Connection::open(server.url(), "abc");
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Errc::malformed);
}

TEST(Client, SaysThatItCannotConnect) {
  Socket listener;
  const std::uint16_t port = listener.listen();
  listener.close();
  const auto client = Connection::open({.host = "127.0.0.1", .port = port, .base_path = ""}, {});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Errc::unavailable);
  EXPECT_THAT(client.error().message, StartsWith("cannot connect to 127.0.0.1:"));
}

TEST(Client, SaysThatThereIsNoTls) {
  Socket listener;
  const std::uint16_t port = listener.listen();
  std::thread plain([&listener] {
    const Socket one = listener.accept();
    one.send("SSH-2.0-OpenSSH_9.2\r\n");
    while (!one.receive().empty()) {
    }
  });
  const auto client = Connection::open({.host = "127.0.0.1", .port = port, .base_path = ""}, {});
  plain.join();
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Errc::unavailable);
  EXPECT_THAT(client.error().message, StartsWith("TLS handshake failed: "));
}

TEST(Client, GivesUpOnASilentServer) {
  const ClientLimits limits{.connect_timeout = std::chrono::seconds(1),
                            .idle_timeout = std::chrono::seconds(1)};
  Socket listener;
  const Url silent{.host = "127.0.0.1", .port = listener.listen(), .base_path = ""};
  const auto no_handshake = Connection::open(silent, {}, limits);
  ASSERT_FALSE(no_handshake);
  EXPECT_EQ(no_handshake.error().code, Errc::unavailable);
  EXPECT_THAT(no_handshake.error().message, HasSubstr("in time"));

  Scripted server([](TlsPeer& peer) { peer.read_to_end(); });
  const auto no_answer = ask(server.url(), limits);
  ASSERT_FALSE(no_answer);
  EXPECT_THAT(no_answer.error().message, HasSubstr("in time"));
}

TEST(Client, KnowsWhoEndedTheConnection) {
  Scripted silent([](TlsPeer& peer) { peer.read_to_end(); });
  const auto late = Connection::open(silent.url(), std::nullopt).value();
  late->set_limits({.idle_timeout = std::chrono::seconds(1)});
  EXPECT_FALSE(late->send(get("/")));
  EXPECT_FALSE(late->closed_by_peer());

  for (const bool politely : {true, false}) {
    Scripted leaving([politely](TlsPeer& peer) {
      peer.read_until("\r\n\r\n");
      if (politely) peer.close_notify();
    });
    const auto left = Connection::open(leaving.url(), std::nullopt).value();
    EXPECT_FALSE(left->send(get("/")));
    EXPECT_TRUE(left->closed_by_peer());
  }
}

TEST(Client, GivesUpOnAnAnswerThatTrickles) {
  const ClientLimits limits{.answer_timeout = std::chrono::seconds(1)};
  Scripted server([](TlsPeer& peer) {
    peer.read_until("\r\n\r\n");
    // Each byte in time, the whole never: ends when the client has gone.
    for (peer.send("HTTP/1.1 200 OK\r\nX: "); peer.send("x");) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
  const auto response = ask(server.url(), limits);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::unavailable);
  EXPECT_THAT(response.error().message, HasSubstr("in time"));
}

TEST(Client, StreamsLongerThanItsHeadMayTake) {
  const ClientLimits limits{.idle_timeout = std::chrono::seconds(20),
                            .answer_timeout = std::chrono::seconds(1)};
  Scripted server([](TlsPeer& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na");
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    peer.send("b");
  });
  const auto client = Connection::open(server.url(), std::nullopt, limits).value();
  std::string body;
  const auto response =
      client->send_streaming(get("/"), nullptr, [&body](std::string_view bytes) { body += bytes; });
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(body, "ab");
}

TEST(Client, NoticesEveryWayToCutAnAnswerShort) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::vector<std::pair<std::string, bool>> answers = {
      {"", true},
      {"", false},
      {ok, true},
      {ok + "Content-Length: 5\r\n\r\nhalf", true},
      {ok + "Content-Length: 5\r\n\r\nhalf", false},
      {ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", true},
      {ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n", true},
      {ok + "\r\nhalf", false}};
  for (const auto& [answer, goodbye] : answers) {
    Scripted server([&](TlsPeer& peer) {
      peer.read_until("\r\n\r\n");
      if (!answer.empty()) peer.send(answer);
      if (goodbye) peer.close_notify();
    });
    const auto response = ask(server.url());
    ASSERT_FALSE(response) << answer;
    EXPECT_EQ(response.error().code, Errc::unavailable) << answer;
  }
}

TEST(Client, TakesABodyThatEndsWithTheConnection) {
  Scripted server([](TlsPeer& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.0 200 OK\r\n\r\nwhole");
    peer.close_notify();
  });
  const auto response = ask(server.url());
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "whole");
}

TEST(Client, BoundsTheBody) {
  const ClientLimits limits{.max_body_bytes = 4};
  Scripted server([](TlsPeer& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n");
    peer.read_to_end();
  });
  const auto response = ask(server.url(), limits);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::limit);
}

TEST(Client, FollowsNoRedirect) {
  Scripted server([](TlsPeer& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n");
  });
  const auto response = ask(server.url());
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 302);
}

TEST(Client, SendsHostAndBasePath) {
  std::string request;
  Scripted server([&](TlsPeer& peer) {
    request = peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 204 No Content\r\n\r\n");
  });
  Url url = server.url();
  url.base_path = "/base";
  ASSERT_TRUE(ask(url));
  server.join();
  EXPECT_EQ(request,
            "GET /base/ HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(url.port) + "\r\n\r\n");
}

TEST(Client, RefusesInjectionBeforeItSends) {
  std::string arrived;
  Scripted server([&](TlsPeer& peer) { arrived = peer.read_to_end(); });
  {
    const auto client = Connection::open(server.url(), {}).value();
    auto request = get("/");
    request.headers.add("X-A", "b\r\nX-Evil: c");
    const auto response = client->send(request);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, Errc::malformed);
  }
  server.join();
  EXPECT_EQ(arrived, "");
}

TEST(Client, SaysThatAKeptConnectionIsClosed) {
  Mailbox<bool> closed;
  Scripted server([&](TlsPeer& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    peer.close_notify();
    peer.socket().end_sending();
    closed.put(true);
  });
  const auto client = Connection::open(server.url(), {}).value();
  ASSERT_TRUE(client->send(get("/")));
  ASSERT_TRUE(closed.take());
  EXPECT_FALSE(client->is_open());
  const auto second = client->send(get("/"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::unavailable);
}

TEST_F(ClientAgainstServer, StreamsPiecesAsTheyCome) {
  start();
  Mailbox<std::string> pieces;
  std::thread producer([&] {
    const auto one = held.take();
    one->exchange->start({});
    for (const auto* piece : {"first", "second"}) {
      one->exchange->write(piece);
      EXPECT_EQ(pieces.take(), piece);  // before anything more is written
    }
    one->exchange->finish();
  });
  const auto response = connect()->send_streaming(
      get("/hold"), nullptr, [&](std::string_view bytes) { pieces.put(std::string(bytes)); });
  producer.join();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "");
}

TEST_F(ClientAgainstServer, AnAnswerUnderWayCanBeAbandonedFromAnotherThread) {
  start();
  const auto connection = connect();
  std::thread other([&] {
    const auto one = held.take();
    ASSERT_TRUE(one);
    const auto gone = watch_gone(*one->exchange);
    one->exchange->start({});
    connection->abort();
    EXPECT_TRUE(gone->take()) << "the server still sends";
  });
  const auto answer = connection->send_streaming(get("/held"), {}, {});
  other.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::unavailable);
  EXPECT_FALSE(connection->is_open());
}

TEST_F(ClientAgainstServer, HeadLeavesTheConnectionUsable) {
  start();
  const auto client = connect();
  auto head = get("/echo");
  head.method = "HEAD";
  ASSERT_TRUE(client->send(head));
  EXPECT_EQ(client->send(post("/echo", "x"))->body, "x");
}

TEST(LoopbackUrl, IsTheOnlyOneWithoutTls) {
  const Url url = parse_url_or_loopback("http://127.0.0.1:4318/prefix").value();
  EXPECT_TRUE(url.plain);
  EXPECT_EQ(url.port, 4318);
  EXPECT_EQ(url.base_path, "/prefix");
  EXPECT_EQ(parse_url_or_loopback("http://[::1]").value().port, 80);
  EXPECT_FALSE(parse_url_or_loopback("https://collector.example").value().plain);
  for (const std::string bad : {"http://192.0.2.1:4318", "http://localhost:4318", "http://",
                                "http://127.0.0.1.example", "ftp://127.0.0.1"}) {
    const auto refused = parse_url_or_loopback(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, Errc::malformed) << bad;
  }
  EXPECT_FALSE(parse_url("http://127.0.0.1"));
}

}  // namespace
}  // namespace confide::net
