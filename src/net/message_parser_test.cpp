#include "net/message_parser.h"

#include <gmock/gmock.h>

#include <random>
#include <string>
#include <vector>

namespace confide::net {
namespace {

using ::testing::StartsWith;

constexpr std::size_t kMaxHeader = 512;
constexpr std::size_t kMaxBody = 64;

// The status a request is refused with, 200 if it is complete, 0 if more is needed.
int outcome(std::string bytes) {
  RequestParser parser(kMaxHeader, kMaxBody);
  if (const auto refusal = parser.feed(bytes)) return refusal->status;
  return parser.done() ? 200 : 0;
}

std::string post(const std::string& headers, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n" + body;
}

TEST(RequestParser, ReadsOneRequestAndLeavesTheNext) {
  std::string bytes = post("Content-Length: 3\r\nX-A: b\r\n", "abcGET /");
  RequestParser parser(kMaxHeader, kMaxBody);
  EXPECT_FALSE(parser.feed(bytes));
  ASSERT_TRUE(parser.done());
  EXPECT_EQ(bytes, "GET /");
  EXPECT_TRUE(parser.keep_alive());
  EXPECT_FALSE(parser.http10());
  const HttpRequest request = parser.take();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.headers.get("x-a"), "b");
  EXPECT_EQ(request.body, "abc");
}

TEST(RequestParser, SplitsPathAndQueryWithoutDecoding) {
  std::string bytes = "GET /a%20b?c=%31?d HTTP/1.0\r\n\r\n";
  RequestParser parser(kMaxHeader, kMaxBody);
  EXPECT_FALSE(parser.feed(bytes));
  ASSERT_TRUE(parser.done());
  EXPECT_TRUE(parser.http10());
  EXPECT_FALSE(parser.keep_alive());
  const HttpRequest request = parser.take();
  EXPECT_EQ(request.path, "/a%20b");
  EXPECT_EQ(request.query, "c=%31?d");
}

TEST(RequestParser, DechunksInPiecesOfAnySize) {
  const std::string chunked = post("Transfer-Encoding: chunked\r\n",
                                   "3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nHost: x\r\n\r\n");
  for (std::size_t step = 1; step <= chunked.size(); ++step) {
    RequestParser parser(kMaxHeader, kMaxBody);
    std::string bytes;
    for (std::size_t at = 0; at < chunked.size(); at += step) {
      ASSERT_FALSE(parser.done());
      bytes += chunked.substr(at, step);
      ASSERT_FALSE(parser.feed(bytes)) << step;
    }
    ASSERT_TRUE(parser.done()) << step;
    const HttpRequest request = parser.take();
    EXPECT_EQ(request.body, "abc0123456789");
    EXPECT_EQ(request.headers.get("host"), "h");  // a trailer is no header
  }
}

TEST(RequestParser, EmptyChunkedBodyByteByByte) {
  const std::string chunked = post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n");
  RequestParser parser(kMaxHeader, kMaxBody);
  std::string bytes;
  for (const char c : chunked) {
    bytes += c;
    ASSERT_FALSE(parser.feed(bytes));
  }
  EXPECT_TRUE(parser.done());
}

TEST(RequestParser, RefusesMalformedRequests) {
  EXPECT_EQ(outcome(post("", "")), 200);
  EXPECT_EQ(outcome("GET\r\n\r\n"), 400);
  EXPECT_EQ(outcome("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(outcome("GET / HTTP/1.1\nHost: h\n\n"), 400);
  EXPECT_EQ(outcome("G@T / HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(outcome("\x16\x03\x01 / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(outcome(post("Bad Header: 1\r\n", "")), 400);
  EXPECT_EQ(outcome(post("Space : 1\r\n", "")), 400);
  EXPECT_EQ(outcome(post(std::string("Nul: \0\r\n", 8), "")), 400);
  EXPECT_EQ(outcome("GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(outcome("GET /#a HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(outcome("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(outcome("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
}

TEST(RequestParser, DemandsOneHost) {
  EXPECT_EQ(outcome("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(outcome("GET / HTTP/1.0\r\n\r\n"), 200);
  EXPECT_EQ(outcome(post("Host: i\r\n", "")), 400);
}

TEST(RequestParser, RefusesAmbiguousFraming) {
  const std::string chunk = "1\r\na\r\n0\r\n\r\n";
  EXPECT_EQ(outcome(post("Transfer-Encoding: chunked\r\n", chunk)), 200);
  EXPECT_EQ(outcome(post("Transfer-Encoding: Chunked\r\n", chunk)), 200);
  EXPECT_EQ(outcome(post("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", chunk)), 400);
  EXPECT_EQ(outcome(post("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", chunk)), 400);
  EXPECT_EQ(outcome(post("Transfer-Encoding: gzip\r\n", chunk)), 400);
  EXPECT_EQ(outcome(post("Transfer-Encoding: gzip, chunked\r\n", chunk)), 400);
  EXPECT_EQ(outcome(post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", chunk)), 400);
  EXPECT_EQ(outcome(post("Transfer-Encoding: xchunked\r\n", chunk)), 400);
  EXPECT_EQ(outcome(post("Transfer-Encoding: \r\n", chunk)), 400);
  EXPECT_EQ(outcome("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk), 400);
  EXPECT_EQ(outcome(post("Content-Length: 1\r\nContent-Length: 2\r\n", "ab")), 400);
  EXPECT_EQ(outcome(post("Content-Length: 1, 2\r\n", "ab")), 400);
  EXPECT_EQ(outcome(post("Content-Length: -1\r\n", "")), 400);
  EXPECT_EQ(outcome(post("Content-Length: 0x1\r\n", "a")), 400);
  EXPECT_EQ(outcome(post("Content-Length: 99999999999999999999\r\n", "")), 400);
  EXPECT_EQ(outcome(post("Transfer-Encoding: chunked\r\n", "g\r\na\r\n0\r\n\r\n")), 400);
  EXPECT_EQ(outcome(post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\na\r\n")), 400);
  EXPECT_EQ(outcome(post("Transfer-Encoding: chunked\r\n", "1\r\nabc\r\n0\r\n\r\n")), 400);
}

TEST(RequestParser, RefusesTooMuch) {
  EXPECT_EQ(outcome(post("X: " + std::string(kMaxHeader, 'x') + "\r\n", "")), 431);
  EXPECT_EQ(outcome("GET /" + std::string(kMaxHeader, 'x')), 431);
  EXPECT_EQ(outcome(post("Content-Length: 64\r\n", std::string(64, 'x'))), 200);
  EXPECT_EQ(outcome(post("Content-Length: 65\r\n", "")), 413);
  EXPECT_EQ(outcome(post("Transfer-Encoding: chunked\r\n", "41\r\n")), 0);
  EXPECT_EQ(outcome(post("Transfer-Encoding: chunked\r\n", "41\r\nx")), 413);
  EXPECT_EQ(outcome(post("Transfer-Encoding: chunked\r\n",
                         "40\r\n" + std::string(64, 'x') + "\r\n1\r\ny\r\n0\r\n\r\n")),
            413);
  EXPECT_EQ(outcome(post("Transfer-Encoding: chunked\r\n", "1;" + std::string(kMaxHeader, 'x'))),
            431);
}

// Beast's own limit starts anew with each field that was complete.
TEST(RequestParser, HeaderLimitCountsOverAllPieces) {
  RequestParser parser(kMaxHeader, kMaxBody);
  std::string bytes = "GET / HTTP/1.1\r\nHost: h\r\n";
  std::optional<Refusal> refusal;
  for (int i = 0; i < 100 && !refusal; ++i) {
    bytes += "X: 0123456789\r\n";
    refusal = parser.feed(bytes);
  }
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->status, 431);
}

TEST(RequestParser, PathIsKnownBeforeTheBody) {
  RequestParser parser(kMaxHeader, kMaxBody);
  std::string bytes = "POST /v1/here?q=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 65\r\n\r\n";
  EXPECT_EQ(parser.path(), "");
  EXPECT_TRUE(parser.feed(bytes));
  EXPECT_EQ(parser.path(), "/v1/here");
}

TEST(RequestParser, ExpectsContinueOnce) {
  RequestParser parser(kMaxHeader, kMaxBody);
  std::string bytes = post("Expect: 100-Continue\r\nContent-Length: 2\r\n", "");
  EXPECT_FALSE(parser.feed(bytes));
  EXPECT_TRUE(parser.take_continue());
  EXPECT_FALSE(parser.take_continue());
  EXPECT_EQ(outcome(post("Expect: magic\r\nContent-Length: 2\r\n", "")), 417);
  EXPECT_EQ(outcome(post("Expect: 100-continue\r\nContent-Length: 65\r\n", "")), 413);
}

TEST(RequestParser, SurvivesMutations) {
  std::mt19937 random(11);
  const std::vector<std::string> seeds = {
      post("Content-Length: 5\r\n", "hello"),
      post("Transfer-Encoding: chunked\r\n", "3;e=\"q\"\r\nabc\r\n0\r\nT: v\r\n\r\n"),
      post("Expect: 100-continue\r\nX: a\r\n b\r\n", "")};
  for (int round = 0; round < 20000; ++round) {
    std::string all = seeds[random() % seeds.size()];
    for (std::size_t n = random() % 4; n > 0; --n) {
      const std::size_t at = random() % all.size();
      if (random() % 2 == 0) {
        all[at] = static_cast<char>(random());
      } else {
        all.erase(at, 1 + random() % 3);
      }
    }
    RequestParser parser(kMaxHeader, kMaxBody);
    std::string bytes;
    std::size_t at = 0;
    while (at < all.size() && !parser.done()) {
      const std::size_t step = 1 + random() % 9;
      bytes += all.substr(at, step);
      at += step;
      if (parser.feed(bytes)) break;
      parser.take_continue();
    }
    if (parser.done()) EXPECT_LE(parser.take().body.size(), kMaxBody);
  }
}

struct Responses : ::testing::Test {
  ResponseParser::Options options{
      .to_head = false, .max_body_bytes = kMaxBody, .on_body = nullptr, .on_head = nullptr};
  Status feed(ResponseParser& parser, std::string bytes) { return parser.feed(bytes); }
};

TEST_F(Responses, BoundsInterimResponses) {
  ResponseParser parser(options);
  std::string flood;
  for (int i = 0; i < 1000; ++i) flood += "HTTP/1.1 100 Continue\r\n\r\n";
  const Status fed = feed(parser, flood);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, Errc::limit);
}

TEST_F(Responses, ReadsSizedChunkedAndUntilClose) {
  ResponseParser sized(options);
  ASSERT_TRUE(
      feed(sized, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nab"));
  ASSERT_TRUE(sized.done());
  EXPECT_TRUE(sized.keep_alive());
  const auto response = sized.take();
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, "ab");

  std::string streamed;
  int heads = 0;
  options.on_body = [&](std::string_view bytes) { streamed += bytes; };
  options.on_head = [&](const HttpResponse& head) { heads += head.status == 200 ? 1 : 100; };
  ResponseParser chunked(options);
  for (const char c : std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")) {
    static std::string bytes;
    bytes += c;
    ASSERT_FALSE(chunked.done());
    ASSERT_TRUE(chunked.feed(bytes));
  }
  EXPECT_TRUE(chunked.done());
  EXPECT_EQ(streamed, "abc");
  EXPECT_EQ(heads, 1);
  EXPECT_EQ(chunked.take().body, "");

  options.on_body = nullptr;
  ResponseParser until_close(options);
  ASSERT_TRUE(feed(until_close, "HTTP/1.0 200 OK\r\n\r\nab"));
  EXPECT_FALSE(until_close.done());
  ASSERT_TRUE(until_close.end_of_stream(true));
  EXPECT_TRUE(until_close.done());
  EXPECT_FALSE(until_close.keep_alive());
  EXPECT_EQ(until_close.take().body, "ab");
}

TEST_F(Responses, HeadHasNoBody) {
  options.to_head = true;
  ResponseParser parser(options);
  ASSERT_TRUE(feed(parser, "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"));
  EXPECT_TRUE(parser.done());
}

TEST_F(Responses, NoticesWhatWasCutShort) {
  const auto end = [this](const std::string& bytes, bool clean) {
    ResponseParser parser(options);
    EXPECT_TRUE(feed(parser, bytes));
    EXPECT_FALSE(parser.done());
    const auto status = parser.end_of_stream(clean);
    EXPECT_FALSE(status);
    return status ? Error{} : status.error();
  };
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const bool clean : {false, true}) {
    EXPECT_THAT(end(ok + "Content-Length: 3\r\n\r\nab", clean).message,
                StartsWith("response was cut"));
    EXPECT_THAT(end(ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", clean).message,
                StartsWith("response was cut"));
    EXPECT_EQ(end(ok + "Content-Length: 3\r\n\r\n", clean).code, Errc::unavailable);
    EXPECT_EQ(end(ok, clean).code, Errc::unavailable);
    EXPECT_EQ(end("", clean).message, "connection closed before an answer");
  }
  EXPECT_EQ(end(ok + "\r\nab", false).code, Errc::unavailable);
}

TEST_F(Responses, RefusesBadAndTooLargeOnes) {
  const auto code = [this](const std::string& bytes) {
    ResponseParser parser(options);
    const auto status = feed(parser, bytes);
    EXPECT_FALSE(status);
    return status ? Errc::internal : status.error().code;
  };
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  EXPECT_EQ(code("SSH-2.0-x\r\n\r\n"), Errc::malformed);
  EXPECT_EQ(code("HTTP/1.1 101 Switching\r\n\r\n"), Errc::malformed);
  EXPECT_EQ(code("HTTP/1.1 099 Low\r\n\r\n"), Errc::malformed);
  EXPECT_EQ(code(ok + "Transfer-Encoding: gzip, chunked\r\n\r\n"), Errc::malformed);
  EXPECT_EQ(code(ok + "Content-Length: 65\r\n\r\n"), Errc::limit);
  EXPECT_EQ(code(ok + "Transfer-Encoding: chunked\r\n\r\n41\r\nx"), Errc::limit);
  EXPECT_EQ(code(ok + "\r\n" + std::string(65, 'x')), Errc::limit);
  EXPECT_EQ(code(ok + "X: " + std::string(70'000, 'x')), Errc::limit);
}

}  // namespace
}  // namespace confide::net
