#include "net/http.h"

#include <gmock/gmock.h>

#include "net/wire.h"

namespace confide::net {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

constexpr Time kNow = from_unix(784'111'777);

TEST(Headers, CompareNamesWithoutCaseAndKeepOrder) {
  Headers headers;
  headers.add("A", "1");
  headers.add("B", "2");
  headers.add("a", "3");
  EXPECT_EQ(headers.get("a"), "1");
  EXPECT_TRUE(headers.has("b"));
  EXPECT_FALSE(headers.has("c"));
  headers.set("a", "4");
  headers.set("c", "5");
  EXPECT_THAT(headers.all(), ElementsAre(Pair("A", "4"), Pair("B", "2"), Pair("c", "5")));
}

TEST(Query, FindsTheFirstValueDecoded) {
  EXPECT_EQ(query_value("a=1&nonce=%6eX%2f&nonce=2", "nonce"), "nX/");
  EXPECT_EQ(query_value("n%6Fnce=1", "nonce"), "1");
  EXPECT_EQ(query_value("nonce", "nonce"), "");
  EXPECT_EQ(query_value("nonce=a=b", "nonce"), "a=b");
  EXPECT_EQ(query_value("nonce=%zz%4", "nonce"), "%zz%4");
  EXPECT_EQ(query_value("&&x=1", "nonce"), std::nullopt);
  EXPECT_EQ(query_value("&&=1", ""), "1");
}

TEST(EncodeHead, WritesStatusHeadersAndFraming) {
  HttpResponse head;
  head.headers.add("X-A", "b");
  head.headers.add("content-LENGTH", "99");  // ours, not the handler's
  ResponseFraming framing;
  framing.length = 5;
  EXPECT_EQ(encode_head(head, framing, kNow).value(),
            "HTTP/1.1 200 OK\r\nX-A: b\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Length: 5\r\n\r\n");
  framing.body = BodyFraming::chunked;
  framing.keep_alive = false;
  EXPECT_THAT(encode_head(head, framing, kNow).value(),
              EndsWith("Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"));
  framing.body = BodyFraming::none;
  framing.keep_alive = true;
  framing.http10 = true;
  head.status = 204;
  EXPECT_THAT(
      encode_head(head, framing, kNow).value(),
      ::testing::AllOf(StartsWith("HTTP/1.1 204 No Content\r\n"),
                       HasSubstr("Connection: keep-alive\r\n"), Not(HasSubstr("Content-Length"))));
}

TEST(EncodeHead, RefusesWhatWouldBreakTheFraming) {
  const auto refused = [](int status, const std::string& name, const std::string& value) {
    HttpResponse head;
    head.status = status;
    head.headers.add(name, value);
    const auto encoded = encode_head(head, {}, kNow);
    return !encoded && encoded.error().code == Errc::malformed;
  };
  EXPECT_FALSE(refused(200, "a", "b\tc \xC3\xA9"));
  EXPECT_TRUE(refused(200, "a", "b\r\nc: d"));
  EXPECT_TRUE(refused(200, "a", "b\n"));
  EXPECT_TRUE(refused(200, "a", std::string("b\0c", 3)));
  EXPECT_TRUE(refused(200, "a:", "b"));
  EXPECT_TRUE(refused(200, "a\r\nb", "c"));
  EXPECT_TRUE(refused(200, "", "c"));
  EXPECT_TRUE(refused(100, "a", "b"));
  EXPECT_TRUE(refused(600, "a", "b"));
}

TEST(AppendChunk, NeverEndsTheBody) {
  std::string out;
  append_chunk(out, "");
  EXPECT_EQ(out, "");
  append_chunk(out, std::string(26, 'x'));
  EXPECT_EQ(out, "1a\r\n" + std::string(26, 'x') + "\r\n");
}

TEST(EncodeRequest, WritesTargetHostAndLength) {
  HttpRequest request{
      .method = "POST", .path = "/v1/x", .query = "a=b", .headers = {}, .body = "hi"};
  request.headers.add("X-A", "b");
  EXPECT_EQ(encode_request(request, "/base", "h:1").value(),
            "POST /base/v1/x?a=b HTTP/1.1\r\nHost: h:1\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi");
  request = {.method = "GET", .path = "/", .query = "", .headers = {}, .body = ""};
  request.headers.add("host", "other");
  EXPECT_EQ(encode_request(request, "", "h").value(), "GET / HTTP/1.1\r\nhost: other\r\n\r\n");
}

TEST(EncodeRequest, RefusesInjection) {
  const auto refused = [](const std::string& method, const std::string& path,
                          const std::string& query, const std::string& value) {
    HttpRequest request{.method = method, .path = path, .query = query, .headers = {}, .body = ""};
    request.headers.add("a", value);
    const auto encoded = encode_request(request, "", "h");
    return !encoded && encoded.error().code == Errc::malformed;
  };
  EXPECT_FALSE(refused("GET", "/", "", "v"));
  EXPECT_TRUE(refused("GET /x", "/", "", "v"));
  EXPECT_TRUE(refused("", "/", "", "v"));
  EXPECT_TRUE(refused("GET", "x", "", "v"));
  EXPECT_TRUE(refused("GET", "/a b", "", "v"));
  EXPECT_TRUE(refused("GET", "/a\r\nb: c", "", "v"));
  EXPECT_TRUE(refused("GET", "/a?b", "", "v"));
  EXPECT_TRUE(refused("GET", "/a#b", "", "v"));
  EXPECT_TRUE(refused("GET", "/", "a\r\n", "v"));
  EXPECT_TRUE(refused("GET", "/", "a b", "v"));
  EXPECT_TRUE(refused("GET", "/", "", "v\r\nx: y"));
}

}  // namespace
}  // namespace confide::net
