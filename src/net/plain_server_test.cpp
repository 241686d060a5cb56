#include <sys/socket.h>

#include <array>
#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/test_server.h"

namespace confide::net {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct PlainServerTest : ::testing::Test {
  PlainServerTest() {
    ServerOptions options;
    options.plain = true;
    options.make_error = make_error;
    server = Server::start(std::move(options), [](HttpRequest request,
                                                  std::shared_ptr<Exchange> exchange) {
               if (request.path == "/broken") {
                 exchange->start({});
                 exchange->write("part");
                 return exchange->abort();
               }
               HttpResponse response;
               response.body = "echo: " + request.body;
               exchange->respond(std::move(response));
             }).value();
    EXPECT_TRUE(socket.connect(server->port()));
  }
  std::string read_until(std::string_view mark) {
    std::string got;
    while (got.find(mark) == std::string::npos) {
      const std::string more = socket.receive();
      if (more.empty()) break;
      got += more;
    }
    return got;
  }

  std::unique_ptr<Server> server;
  Socket socket;
};

TEST_F(PlainServerTest, AnswersSeveralRequestsOnOneConnection) {
  for (const std::string body : {"one", "two"}) {
    ASSERT_TRUE(socket.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n" + body));
    const std::string answer = read_until("echo: " + body);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(answer, EndsWith("echo: " + body));
  }
}

TEST_F(PlainServerTest, OurClientTalksToItWithoutTls) {
  Url url = parse_url_or_loopback("http://127.0.0.1").value();
  url.port = server->port();
  const auto connection = Connection::open(url, std::nullopt).value();
  for (const std::string body : {"one", "two"}) {
    EXPECT_EQ(connection->send(post("/", body)).value().body, "echo: " + body);
  }
  const auto pinned = Connection::open(url, std::string(64, 'a'));
  ASSERT_FALSE(pinned);
  EXPECT_EQ(pinned.error().code, Errc::malformed);
}

TEST_F(PlainServerTest, AnAbortedAnswerLacksItsLastChunk) {
  ASSERT_TRUE(socket.send("GET /broken HTTP/1.1\r\nHost: x\r\n\r\n"));
  const std::string answer = read_until("\r\n0\r\n");
  EXPECT_THAT(answer, HasSubstr("part"));
  EXPECT_THAT(answer, Not(HasSubstr("\r\n0\r\n")));
}

// Nothing else tells it from an answer that is whole.
TEST_F(PlainServerTest, AnAbortedAnswerToHttp10EndsInAReset) {
  ASSERT_TRUE(socket.send("GET /broken HTTP/1.0\r\n\r\n"));
  read_until("part");
  std::array<char, 16> bytes{};
  EXPECT_EQ(::recv(socket.fd(), bytes.data(), bytes.size(), 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(PlainServerTest, TlsIsNoRequest) {
  ASSERT_TRUE(socket.send(std::string("\x16\x03\x01\x00\x05", 5) + "hello\r\n\r\n"));
  EXPECT_THAT(read_until("error:"), StartsWith("HTTP/1.1 400"));
}

TEST(ServerStart, WithoutKeyThereIsNoServer) {
  const auto server = Server::start({}, [](HttpRequest, std::shared_ptr<Exchange>) {});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, Errc::internal);
}

}  // namespace
}  // namespace confide::net
