#include "seal/bhttp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/testing.h"

namespace confide::seal {
namespace {

using Kind = BhttpDecoder::Kind;

Bytes bytes(std::string_view hex) {
  std::string digits;
  std::ranges::copy_if(hex, std::back_inserter(digits), [](char c) { return c != ' '; });
  return from_hex(digits).value();
}

MATCHER_P2(Field, name, value, "") { return arg.name == name && arg.value == value; }

// RFC 9292, section 5.1: the same request with known and with indeterminate length.
const std::string kKnownRequest =
    "00034745 54056874 74707300 0a2f6865 6c6c6f2e 74787440 6c0a7573 65722d61 67656e74 34637572"
    "6c2f372e 31362e33 206c6962 6375726c 2f372e31 362e3320 4f70656e 53534c2f 302e392e 376c207a"
    "6c69622f 312e322e 3304686f 73740f77 77772e65 78616d70 6c652e63 6f6d0f61 63636570 742d6c61"
    "6e677561 67650665 6e2c206d 690000";
const std::string kIndeterminateRequest =
    "02034745 54056874 74707300 0a2f6865 6c6c6f2e 7478740a 75736572 2d616765 6e743463 75726c2f"
    "372e3136 2e33206c 69626375 726c2f37 2e31362e 33204f70 656e5353 4c2f302e 392e376c 207a6c69"
    "622f312e 322e3304 686f7374 0f777777 2e657861 6d706c65 2e636f6d 0f616363 6570742d 6c616e67"
    "75616765 06656e2c 206d6900 00000000 00000000 00000000";
// Section 5.2: with interim responses.
const std::string kInterimResponse =
    "03406607 72756e6e 696e670a 22736c65 65702031 35220040 67046c69 6e6b233c 2f737479 6c652e63"
    "73733e3b 2072656c 3d707265 6c6f6164 3b206173 3d737479 6c65046c 696e6b24 3c2f7363 72697074"
    "2e6a733e 3b207265 6c3d7072 656c6f61 643b2061 733d7363 72697074 0040c804 64617465 1d4d6f6e"
    "2c203237 204a756c 20323030 39203132 3a32383a 35332047 4d540673 65727665 72064170 61636865"
    "0d6c6173 742d6d6f 64696669 65641d57 65642c20 3232204a 756c2032 30303920 31393a31 353a3536"
    "20474d54 04657461 67142233 34616133 38372d64 2d313536 38656230 30220d61 63636570 742d7261"
    "6e676573 05627974 65730e63 6f6e7465 6e742d6c 656e6774 68023531 04766172 790f4163 63657074"
    "2d456e63 6f64696e 670c636f 6e74656e 742d7479 70650a74 6578742f 706c6169 6e003348 656c6c6f"
    "20576f72 6c642120 4d792063 6f6e7465 6e742069 6e636c75 64657320 61207472 61696c69 6e672043"
    "524c462e 0d0a0000";
// Section 5.2: known length, with a trailer.
const std::string kTrailerResponse =
    "0140c800 1d546869 7320636f 6e74656e 7420636f 6e746169 6e732043 524c462e 0d0a0d07 74726169"
    "6c657204 74657874";

void expect_the_example(const InnerRequest& request) {
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.scheme, "https");
  EXPECT_EQ(request.authority, "");
  EXPECT_EQ(request.path, "/hello.txt");
  EXPECT_THAT(request.fields,
              ::testing::ElementsAre(
                  Field("user-agent", "curl/7.16.3 libcurl/7.16.3 OpenSSL/0.9.7l zlib/1.2.3"),
                  Field("host", "www.example.com"), Field("accept-language", "en, mi")));
  EXPECT_EQ(request.content, "");
  EXPECT_THAT(request.trailers, ::testing::IsEmpty());
}

TEST(Bhttp, RfcRequests) {
  expect_the_example(decode_request(bytes(kKnownRequest)).value());
  expect_the_example(decode_request(bytes(kIndeterminateRequest)).value());
  EXPECT_EQ(encode_request(decode_request(bytes(kKnownRequest)).value()).value(),
            bytes(kKnownRequest));
}

TEST(Bhttp, RfcResponseWithInterimResponses) {
  const auto response = decode_response(bytes(kInterimResponse)).value();
  ASSERT_EQ(response.interim.size(), 2U);
  EXPECT_EQ(response.interim[0].status, 102);
  EXPECT_THAT(response.interim[0].fields, ::testing::ElementsAre(Field("running", "\"sleep 15\"")));
  EXPECT_EQ(response.interim[1].status, 103);
  EXPECT_EQ(response.interim[1].fields.size(), 2U);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.fields.size(), 8U);
  EXPECT_EQ(response.content, "Hello World! My content includes a trailing CRLF.\r\n");
  // Written again it is the same, but for the content in one chunk of the example's length.
  Bytes again = encode_response_head(response).value();
  append_varint(again, response.content.size());
  append(again, as_bytes(response.content));
  append(again, encode_response_end({}).value());
  EXPECT_EQ(again, bytes(kInterimResponse));
}

TEST(Bhttp, RfcResponseWithTrailer) {
  const auto response = decode_response(bytes(kTrailerResponse)).value();
  EXPECT_EQ(response.content, "This content contains CRLF.\r\n");
  EXPECT_THAT(response.trailers, ::testing::ElementsAre(Field("trailer", "text")));
  EXPECT_EQ(encode_response(response).value(), bytes(kTrailerResponse));
}

// Rule O9: before any part that would be empty, and nowhere else.
TEST(Bhttp, MayEndBeforePartsThatWouldBeEmpty) {
  const Bytes known = bytes(kKnownRequest);
  const Bytes indeterminate = bytes(kIndeterminateRequest);
  for (std::size_t n = 1; n <= 12; ++n) {
    expect_the_example(
        decode_request(ByteView(indeterminate).first(indeterminate.size() - n)).value());
  }
  for (std::size_t n = 1; n <= 2; ++n) {
    expect_the_example(decode_request(ByteView(known).first(known.size() - n)).value());
  }
  EXPECT_EQ(decode_response(bytes("0140c8")).value().status, 200);
  EXPECT_EQ(decode_response(bytes("0340c8")).value().status, 200);
  EXPECT_EQ(decode_response(bytes("0340c80003616263 00")).value().content, "abc");
}

TEST(Bhttp, MayNotEndWithinAPart) {
  const auto cut_short = [](const std::string& hex, Kind kind, std::size_t from) {
    const Bytes whole = bytes(hex);
    for (std::size_t n = from; n < whole.size(); ++n) {
      BhttpDecoder decoder(kind);
      ASSERT_TRUE(decoder.feed(ByteView(whole).first(n)));
      EXPECT_EQ(refusal(decoder.finish()), Errc::malformed) << n;
    }
  };
  const std::size_t head = 19;  // after the request's control data it may end
  const Bytes known = bytes(kKnownRequest);
  EXPECT_EQ(refusal(decode_request(ByteView(known).first(head + 1))), Errc::malformed);
  EXPECT_EQ(refusal(decode_request(ByteView(known).first(known.size() - 3))), Errc::malformed);
  EXPECT_EQ(refusal(decode_request(ByteView(known).first(head - 1))), Errc::malformed);
  // Content without its terminator, a chunk without its end, an interim response without a final
  // one.
  EXPECT_EQ(refusal(decode_response(bytes("0340c80003616263"))), Errc::malformed);
  EXPECT_EQ(refusal(decode_response(bytes("0340c800036162"))), Errc::malformed);
  EXPECT_EQ(refusal(decode_response(bytes("03406600"))), Errc::malformed);
  EXPECT_EQ(refusal(decode_response(bytes("034066"))), Errc::malformed);
  EXPECT_EQ(refusal(decode_response({})), Errc::malformed);
  cut_short("0140c8000461626364", Kind::response, 5);
}

TEST(Bhttp, PaddingIsZeroBytes) {
  Bytes message = bytes(kTrailerResponse);
  message.resize(message.size() + 1000);
  EXPECT_EQ(decode_response(message).value().content, "This content contains CRLF.\r\n");
  message.back() = 1;
  EXPECT_EQ(refusal(decode_response(message)), Errc::malformed);
}

TEST(Bhttp, PiecesCutAnywhereGiveTheSame) {
  for (const auto& [hex, kind] : {std::pair{kKnownRequest, Kind::request},
                                  {kIndeterminateRequest, Kind::request},
                                  {kInterimResponse, Kind::response},
                                  {kTrailerResponse, Kind::response}}) {
    const Bytes whole = bytes(hex);
    for (const std::size_t size : {1U, 2U, 3U, 7U, 64U}) {
      BhttpDecoder decoder(kind);
      std::string content;
      for (std::size_t at = 0; at < whole.size(); at += size) {
        content +=
            decoder.feed(ByteView(whole).subspan(at, std::min(size, whole.size() - at))).value();
      }
      ASSERT_TRUE(decoder.finish());
      if (kind == Kind::request) {
        expect_the_example(decoder.request());
      } else {
        const auto response = decode_response(whole).value();
        EXPECT_EQ(content, response.content);
        EXPECT_EQ(decoder.response().fields.size(), response.fields.size());
        EXPECT_EQ(decoder.response().trailers.size(), response.trailers.size());
      }
    }
  }
}

TEST(Bhttp, GivesContentOfEitherFramingAsItComes) {
  for (const auto* start : {"0140c80006616263", "0340c80003616263"}) {
    BhttpDecoder decoder(Kind::response);
    EXPECT_FALSE(decoder.has_head());
    EXPECT_EQ(decoder.feed(bytes(start)).value(), "abc");
    EXPECT_TRUE(decoder.has_head());
  }
  BhttpDecoder request(Kind::request);
  EXPECT_EQ(request.feed(bytes("02 03474554 056874747073 00 012f 00 02 6162")).value(), "ab");
  EXPECT_EQ(request.feed(bytes("4001 63 00")).value(), "c");  // integers need not be shortest
  ASSERT_TRUE(request.finish());
}

TEST(Bhttp, AnotherKindOrFramingIsUnsupported) {
  EXPECT_EQ(refusal(decode_request(bytes("0140c8"))), Errc::unsupported);
  EXPECT_EQ(refusal(decode_response(bytes(kKnownRequest))), Errc::unsupported);
  EXPECT_EQ(refusal(decode_response(bytes("0440c8"))), Errc::unsupported);
}

struct Spoiled {
  const char* what;
  std::string hex;
};

TEST(Bhttp, RefusesSpoiledMessages) {
  const std::string start = "00 0347455405 6874747073 00 012f";  // GET https / with nothing else
  ASSERT_TRUE(decode_request(bytes(start)));
  const std::vector<Spoiled> requests = {
      {"pseudo field", start + "09 073a73746174757300"},
      {"upper-case name", start + "07 0548454c4c4f00"},
      {"empty name", start + "02 0000"},
      {"space in a name", start + "06 0361206200 00"},
      {"line feed in a value", start + "06 0161 03620a62"},
      {"zero byte in a value", start + "06 0161 03620062"},
      {"blank before a value", start + "05 0161 022062"},
      {"blank after a value", start + "05 0161 026220"},
      {"field of a connection", start + "1a 117472616e736665722d656e636f64696e67 076368756e6b6564"},
      {"line past its section", start + "03 0161 0162"},
      {"length past its section", start + "02 0161 01"},
      {"no method", "00 00 056874747073 00 012f"},
      {"space in the method", "00 03472054 056874747073 00 012f"},
      {"another scheme", "00 03474554 0366746 0 00 012f"},
      {"line feed in the authority", "00 03474554 056874747073 01 0a 012f"},
      {"no path", "00 03474554 056874747073 00 00"},
      {"path without a slash", "00 03474554 056874747073 00 0161"},
      {"space in the path", "00 03474554 056874747073 00 032f2061"},
      {"fragment in the path", "00 03474554 056874747073 00 032f2361"},
      {"content-length of another content",
       start + "11 0e636f6e74656e742d6c656e677468 0135 02 6161"},
  };
  for (const auto& spoiled : requests) {
    EXPECT_EQ(refusal(decode_request(bytes(spoiled.hex))), Errc::malformed) << spoiled.what;
  }
  for (const auto* status : {"01 4063", "01 4258", "01 8000ffff"}) {  // 99, 600, 65535
    EXPECT_EQ(refusal(decode_response(bytes(status))), Errc::malformed) << status;
  }
}

TEST(Bhttp, LimitsHoldBeforeAnythingIsKept) {
  const BhttpLimits limits{
      .max_control = 8, .max_section = 16, .max_fields = 2, .max_interim = 1, .max_content = 4};
  const auto request = [&](const std::string& hex) {
    return refusal(decode_request(bytes(hex), limits));
  };
  const auto response = [&](const std::string& hex) {
    return refusal(decode_response(bytes(hex), limits));
  };
  const std::string huge = "ffffffffffffffff";
  EXPECT_EQ(request("00" + huge), Errc::limit);
  EXPECT_EQ(request("00 03474554 056874747073 09"), Errc::limit);
  EXPECT_EQ(response("0140c8" + huge), Errc::limit);
  EXPECT_EQ(response("0140c8 11"), Errc::limit);
  EXPECT_EQ(response("0340c8" + huge), Errc::limit);
  EXPECT_EQ(response("0340c8 01 61" + huge), Errc::limit);
  EXPECT_EQ(response("0340c8 01610162 0161 0d"), Errc::limit);
  EXPECT_EQ(response("0340c8 01610162 01610162 01610162 00"), Errc::limit);
  EXPECT_EQ(response("03 406600 406600 40c8"), Errc::limit);
  EXPECT_EQ(response("0140c800" + huge), Errc::limit);
  EXPECT_EQ(response("0140c800 05"), Errc::limit);
  EXPECT_EQ(response("0340c800 03616263 02"), Errc::limit);
  EXPECT_EQ(response("0340c800 03616263 016400"), std::nullopt);
}

TEST(Bhttp, WhatWasRefusedStaysRefused) {
  BhttpDecoder decoder(Kind::response);
  EXPECT_EQ(refusal(decoder.feed(bytes("014063"))), Errc::malformed);
  EXPECT_EQ(refusal(decoder.feed(bytes("0140c8"))), Errc::malformed);
  EXPECT_EQ(refusal(decoder.finish()), Errc::malformed);
  EXPECT_FALSE(decoder.has_head());
}

TEST(Bhttp, NamesAreWrittenLowerCaseAndRefusedOtherwiseLikeADecoder) {
  InnerRequest request{.path = "/v1/models", .fields = {{"X-Api-Key", "k"}}, .trailers = {}};
  const auto back = decode_request(encode_request(request).value()).value();
  EXPECT_THAT(back.fields, ::testing::ElementsAre(Field("x-api-key", "k")));
  request.fields[0].value = "a\r\nb";
  EXPECT_EQ(refusal(encode_request(request)), Errc::malformed);
  request.fields[0] = {"Connection", "close"};
  EXPECT_EQ(refusal(encode_request(request)), Errc::malformed);
  request.fields.clear();
  request.path = "no-slash";
  EXPECT_EQ(refusal(encode_request(request)), Errc::malformed);
  EXPECT_EQ(refusal(encode_response({.status = 102, .fields = {}, .content = {}})),
            Errc::malformed);
}

// RFC 9000, appendix A.1.
TEST(Varint, RfcExamples) {
  const std::vector<std::pair<std::uint64_t, std::string>> examples = {
      {151'288'809'941'952'652, "c2197c5eff14e88c"},
      {494'878'333, "9d7f3e7d"},
      {15'293, "7bbd"},
      {37, "25"},
      {63, "3f"},
      {64, "4040"},
      {16'383, "7fff"},
      {16'384, "80004000"}};
  for (const auto& [value, hex] : examples) {
    Bytes out;
    append_varint(out, value);
    EXPECT_EQ(to_hex(out), hex);
    EXPECT_EQ(peek_varint(out).value, value);
    EXPECT_EQ(peek_varint(out).size, out.size());
    EXPECT_EQ(peek_varint(ByteView(out).first(out.size() - 1)).size, 0U);
  }
  EXPECT_EQ(peek_varint(bytes("4025")).value, 37U);
}

}  // namespace
}  // namespace confide::seal
