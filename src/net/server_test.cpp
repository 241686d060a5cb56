#include "net/server.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "net/test_server.h"

namespace confide::net {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

struct HttpServer : ServerTest {};

constexpr std::string_view kGet = "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_F(HttpServer, AnswersSeveralRequestsOnOneConnection) {
  start();
  const auto client = connect();
  for (int i = 0; i < 20; ++i) {
    const std::string body(static_cast<std::size_t>(i) * 7919, static_cast<char>('a' + i));
    const auto response = client->send(post("/echo", body));
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->headers.get("x-method"), "POST");
    EXPECT_EQ(response->body, body);
  }
  EXPECT_EQ(server->open_connections(), 1U);
}

TEST_F(HttpServer, CarriesLargeBodiesBothWays) {
  start();
  std::string body(std::size_t{20} << 20U, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31 >> 3U);
  const auto response = connect()->send(post("/echo", body));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_TRUE(response->body == body);
}

TEST_F(HttpServer, StreamsWhatIsWrittenFromAnotherThread) {
  start();
  std::thread producer([this] {
    const auto one = held.take();
    HttpResponse head;
    head.headers.add("Content-Type", "text/event-stream");
    one->exchange->start(std::move(head));
    for (int i = 0; i < 1000; ++i) one->exchange->write(fmt::format("{};", i));
    one->exchange->finish();
  });
  std::string streamed, expected;
  for (int i = 0; i < 1000; ++i) expected += fmt::format("{};", i);
  std::string type;
  const auto client = connect();
  const auto response = client->send_streaming(
      get("/stream"), [&](const HttpResponse& head) { type = *head.headers.get("content-type"); },
      [&](std::string_view bytes) { streamed += bytes; });
  producer.join();
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(type, "text/event-stream");
  EXPECT_EQ(streamed, expected);
  EXPECT_TRUE(client->send(post("/echo", "again")));
}

TEST_F(HttpServer, TwoHundredStreamsLoseNothing) {
  constexpr int kClients = 200;
  constexpr int kPieces = 100;
  start();
  const auto piece = [](const std::string& who, int i) { return fmt::format("{}:{}\n", who, i); };
  std::thread producer([&] {
    std::vector<Held> all;
    while (all.size() < kClients) {
      auto one = held.take();
      ASSERT_TRUE(one);
      one->exchange->start({});
      all.push_back(*std::move(one));
    }
    for (int i = 0; i < kPieces; ++i) {
      for (auto& one : all) one.exchange->write(piece(one.request.query, i));
    }
    for (auto& one : all) one.exchange->finish();
  });
  std::atomic<int> whole{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      auto request = get("/stream");
      request.query = fmt::format("c{}", c);
      std::string expected, got;
      for (int i = 0; i < kPieces; ++i) expected += piece(request.query, i);
      const auto client = open({.connect_timeout = kPatience, .idle_timeout = 2 * kPatience});
      ASSERT_TRUE(client) << client.error().message;
      const auto response = (*client)->send_streaming(
          request, nullptr, [&](std::string_view bytes) { got += bytes; });
      ASSERT_TRUE(response) << response.error().message;
      EXPECT_EQ(got, expected);
      if (got == expected) ++whole;
    });
  }
  for (auto& client : clients) client.join();
  producer.join();
  EXPECT_EQ(whole, kClients);
}

TEST_F(HttpServer, NoticesAtOnceThatTheClientLeft) {
  start();
  const std::vector<std::function<void(TlsPeer&)>> ways = {
      [](TlsPeer& peer) { peer.close_notify(); },
      [](TlsPeer& peer) { peer.socket().end_sending(); },
      [](TlsPeer& peer) { peer.socket().reset(); }, [](TlsPeer& peer) { peer.socket().close(); }};
  for (const bool streaming : {false, true}) {
    for (const auto& leave : ways) {
      auto peer = raw();
      peer.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
      const auto one = held.take();
      ASSERT_TRUE(one);
      const auto gone = watch_gone(*one->exchange);
      if (streaming) {
        one->exchange->start({});
        one->exchange->write("first");
        EXPECT_THAT(peer.read_until("first"), EndsWith("first"));
      }
      leave(peer);
      EXPECT_TRUE(gone->take());
      one->exchange->write("into nothing");
      one->exchange->finish();
    }
  }
}

TEST_F(HttpServer, TellsLatecomersThatTheClientIsGone) {
  start();
  auto peer = raw();
  peer.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto one = held.take();
  const auto first = watch_gone(*one->exchange);
  peer.socket().reset();
  ASSERT_TRUE(first->take());
  EXPECT_TRUE(watch_gone(*one->exchange)->take());
}

TEST_F(HttpServer, AnAnsweredExchangeIsNeverGone) {
  start();
  auto peer = raw();
  peer.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto one = held.take();
  const auto gone = watch_gone(*one->exchange);
  one->exchange->respond({});
  EXPECT_THAT(peer.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
  peer.socket().close();
  server.reset();
  EXPECT_EQ(gone->size(), 0U);
}

TEST_F(HttpServer, GivesUpOnAClientThatTakesNothing) {
  ServerLimits limits;
  limits.write_timeout = std::chrono::seconds(1);
  start(limits);
  auto peer = raw();
  peer.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto one = held.take();
  const auto gone = watch_gone(*one->exchange);
  one->exchange->start({});
  one->exchange->write(std::string(std::size_t{64} << 20U, 'x'));
  EXPECT_TRUE(gone->take());
}

TEST_F(HttpServer, SaysHowFarAClientIsBehind) {
  start();
  auto peer = raw();
  peer.send("GET /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const auto one = held.take();
  one->exchange->start({});
  constexpr std::size_t kPiece = std::size_t{1} << 20U;
  constexpr std::size_t kPieces = 32;  // more than the kernel takes for a client that reads nothing
  for (std::size_t i = 0; i < kPieces; ++i) one->exchange->write(std::string(kPiece, 'x'));
  EXPECT_GT(one->exchange->unsent(), kPiece);
  // Read in part and written to meanwhile, so that it is never quite done; all of it comes through.
  std::ptrdiff_t read = 0;
  for (std::size_t i = 0; i < kPieces; ++i) {
    read += std::ranges::count(peer.read(kPiece / 2), 'x');
    one->exchange->write(std::string(kPiece, 'x'));
  }
  EXPECT_GT(one->exchange->unsent(), kPiece);
  one->exchange->finish();
  read += std::ranges::count(peer.read_to_end(), 'x');
  EXPECT_EQ(read, std::ptrdiff_t{2 * kPieces * kPiece});
  EXPECT_EQ(one->exchange->unsent(), 0U);
}

TEST_F(HttpServer, AnswersPipelinedRequestsInOrder) {
  start();
  auto peer = raw();
  peer.send(
      "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n"
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\ntwo"
      "\r\nGET /echo?three HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto one = held.take();
  ASSERT_TRUE(one);
  one->exchange->respond({.status = 200, .headers = {}, .body = "one"});
  EXPECT_THAT(peer.read_until("\r\n\r\none"), EndsWith("\r\n\r\none"));
  EXPECT_THAT(peer.read_until("\r\n\r\ntwo"), EndsWith("\r\n\r\ntwo"));
  EXPECT_THAT(peer.read_until("\r\n\r\ngot three"), EndsWith("\r\n\r\ngot three"));
}

// The server stops reading, and goes on once there is room; nothing is lost.
TEST_F(HttpServer, BoundsWhatIsPipelinedBehindARunningRequest) {
  start();
  auto peer = raw();
  peer.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto one = held.take();
  const std::string body(std::size_t{8} << 20U, 'b');
  std::thread sender([&] {
    peer.send(fmt::format("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{}",
                          body.size(), body));
  });
  one->exchange->respond({});
  sender.join();
  EXPECT_THAT(peer.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(peer.read_until("\r\n\r\n"), HasSubstr("Content-Length: 8388608"));
  EXPECT_TRUE(peer.read(body.size()) == body);
}

TEST_F(HttpServer, TakesChunkedRequestBodies) {
  start();
  auto peer = raw();
  for (const char c :
       std::string("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n")) {
    peer.send({&c, 1});
  }
  EXPECT_THAT(peer.read_until("hello world"), EndsWith("\r\n\r\nhello world"));
}

TEST_F(HttpServer, AnswersHeadWithoutABody) {
  start();
  auto peer = raw();
  peer.send(
      "HEAD /echo HTTP/1.1\r\nHost: h\r\n\r\n"
      "HEAD /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  std::string head = peer.read_until("\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("X-Method: HEAD\r\n"));
  const auto one = held.take();
  one->exchange->start({});
  one->exchange->write("unseen");
  one->exchange->finish();
  EXPECT_THAT(peer.read_until("\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked"));
  peer.send("GET /echo?x HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(peer.read_until("got x"), AllOf(StartsWith("HTTP/1.1 200"), EndsWith("got x")));
}

TEST_F(HttpServer, AnswersHttp10) {
  start();
  auto peer = raw();
  peer.send("GET /echo?a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(peer.read_until("got a"),
              AllOf(HasSubstr("Connection: keep-alive\r\n"), HasSubstr("Content-Length: 5\r\n")));
  peer.send("GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto one = held.take();
  one->exchange->start({});
  one->exchange->write("no chunks ");
  one->exchange->write("here");
  one->exchange->finish();
  EXPECT_THAT(peer.read_to_end(),
              AllOf(HasSubstr("Connection: close\r\n"), Not(HasSubstr("chunked")),
                    EndsWith("\r\n\r\nno chunks here")));
  EXPECT_TRUE(peer.ended_cleanly());
}

TEST_F(HttpServer, ClosesWhenTheClientAsksTo) {
  start();
  auto peer = raw();
  peer.send("GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(peer.read_to_end(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(peer.ended_cleanly());
}

TEST_F(HttpServer, AnswersExpectContinue) {
  start();
  auto peer = raw();
  peer.send("POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("hi");
  EXPECT_THAT(peer.read_until("\r\n\r\nhi"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

struct Refused {
  std::string request;
  int status;
};

TEST_F(HttpServer, RefusesBadRequestsAndCloses) {
  ServerLimits limits;
  limits.max_header_bytes = 1024;
  limits.max_body_bytes = 1000;
  start(limits);
  const std::string head = "POST /echo HTTP/1.1\r\nHost: h\r\n";
  const std::vector<Refused> cases = {
      {"nonsense\r\n\r\n", 400},
      {"GET /echo HTTP/1.1\r\n\r\n", 400},
      {head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {head + "Transfer-Encoding: gzip\r\n\r\nabc", 400},
      {head + "Content-Length: 1001\r\n\r\n", 413},
      {head + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x'), 413},
      {head + "X: " + std::string(2000, 'x') + "\r\n\r\n", 431},
      {head + "Expect: magic\r\nContent-Length: 1\r\n\r\n", 417},
  };
  for (const auto& [request, status] : cases) {
    auto peer = raw();
    peer.send(request);
    const std::string answer = peer.read_to_end();
    EXPECT_THAT(answer, StartsWith(fmt::format("HTTP/1.1 {} ", status))) << request;
    EXPECT_THAT(answer, AllOf(HasSubstr("X-Every: response\r\n"),
                              HasSubstr("Connection: close\r\n"), HasSubstr("\r\n\r\nerror: ")));
    EXPECT_TRUE(peer.ended_cleanly()) << request;
  }
  EXPECT_EQ(held.size(), 0U);
}

// A client that is still sending its body must be able to read why it was refused.
TEST_F(HttpServer, RefusalReachesAClientThatIsStillSending) {
  ServerLimits limits;
  limits.max_body_bytes = 1000;
  start(limits);
  const auto response = connect()->send(post("/echo", std::string(std::size_t{4} << 20U, 'x')));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 413);
  EXPECT_EQ(response->body, "error: request body is too large");
  EXPECT_EQ(response->headers.get("X-Path"), "/echo");
}

TEST_F(HttpServer, DeadlinesEndSlowClients) {
  ServerLimits limits;
  limits.handshake_timeout = limits.request_timeout = limits.idle_timeout = std::chrono::seconds(1);
  start(limits);
  auto slow_head = raw();
  auto slow_body = raw();
  auto idle = raw();
  auto after_one = raw();
  Socket silent;
  ASSERT_TRUE(silent.connect(server->port()));
  slow_head.send("GET /echo HTTP/1.1\r\nHost:");
  slow_body.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
  after_one.send(kGet);
  EXPECT_THAT(slow_head.read_to_end(), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(slow_body.read_to_end(), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(idle.read_to_end(), IsEmpty());
  EXPECT_TRUE(idle.ended_cleanly());
  EXPECT_THAT(after_one.read_to_end(), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("got ")));
  EXPECT_THAT(silent.receive(), IsEmpty());
}

// A request that is being answered is under no deadline of ours but the writer's.
TEST_F(HttpServer, DeadlinesSpareRunningRequests) {
  ServerLimits limits;
  limits.request_timeout = limits.idle_timeout = limits.write_timeout = std::chrono::seconds(1);
  start(limits);
  auto peer = raw();
  peer.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto one = held.take();
  auto idle = raw();
  EXPECT_THAT(idle.read_to_end(), IsEmpty());  // so long that the idle deadline has passed
  one->exchange->respond({.status = 200, .headers = {}, .body = "late"});
  EXPECT_THAT(peer.read_until("late"), EndsWith("late"));
}

TEST_F(HttpServer, AbortIsSeenAsCutShort) {
  start();
  for (const bool started : {false, true}) {
    std::thread producer([&] {
      const auto one = held.take();
      if (started) one->exchange->start({});
      if (started) one->exchange->write("half");
      one->exchange->abort();
    });
    std::string got;
    const auto response = connect()->send_streaming(get("/hold"), nullptr,
                                                    [&](std::string_view bytes) { got += bytes; });
    producer.join();
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, Errc::unavailable);
    EXPECT_EQ(got, started ? "half" : "");
  }
  auto peer = raw();
  peer.send("GET /hold HTTP/1.0\r\n\r\n");
  const auto one = held.take();
  one->exchange->start({});
  one->exchange->write("half");
  one->exchange->abort();
  EXPECT_THAT(peer.read_to_end(), EndsWith("half"));
  EXPECT_FALSE(peer.ended_cleanly());
}

TEST_F(HttpServer, DroppedExchangeIsAnswered500) {
  start();
  auto peer = raw();
  peer.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  held.take()->exchange.reset();
  EXPECT_THAT(peer.read_until("error: internal error"),
              AllOf(StartsWith("HTTP/1.1 500 "), HasSubstr("X-Every: response\r\n")));
  peer.send(kGet);
  EXPECT_THAT(peer.read_until("got "), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServer, HeaderInjectionBecomesA500) {
  start();
  for (const bool streaming : {false, true}) {
    auto peer = raw();
    peer.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    const auto one = held.take();
    HttpResponse response;
    response.headers.add("X-A", "b\r\nX-Evil: 1");
    response.body = "body";
    if (streaming) {
      const auto gone = watch_gone(*one->exchange);
      one->exchange->start(response);
      one->exchange->write("body");
      EXPECT_TRUE(gone->take());
    } else {
      one->exchange->respond(response);
    }
    EXPECT_THAT(
        peer.read_until("error: internal error"),
        AllOf(StartsWith("HTTP/1.1 500 "), Not(HasSubstr("X-Evil")), Not(HasSubstr("body"))));
  }
}

}  // namespace
}  // namespace confide::net
