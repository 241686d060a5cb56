#include "seal/ohttp_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/testing.h"

namespace confide::seal {
namespace {

constexpr std::int64_t kNow = 1'790'000'000;

// Both ends of one exchange; the test stands between them.
struct Ends {
  explicit Ends(Padding padding, OhttpForm form = OhttpForm::chunked)
      : server(GatewayKey::generate(7)),
        exchange(seal_exchange(server.config(), request(),
                               {.form = form,
                                .padding = padding,
                                .now = from_unix(kNow),
                                .nonce = std::string(64, 'a')})
                     .value()),
        opened(open_request(server, form, exchange.capsule).value()),
        writer(AnswerSealer(opened.answer), padding) {}

  static InnerRequest request() {
    return {.path = "/v1/chat/completions",
            .fields = {{"authorization", "Bearer sk-1"}},
            .content = R"({"model":"m"})"};
  }

  GatewayKey server;
  SealedExchange exchange;
  OpenedCapsule opened;
  AnswerWriter writer;
};

const InnerResponse kHead{.status = 200, .fields = {{"content-type", "text/event-stream"}}};

TEST(SealedExchange, TheRequestCarriesDateNonceAndProfile) {
  const Ends ends(Padding::bucketed);
  const auto request = decode_request(ends.opened.message).value();
  EXPECT_EQ(request.path, "/v1/chat/completions");
  EXPECT_EQ(request.content, R"({"model":"m"})");
  EXPECT_EQ(*find_field(request.fields, "authorization"), "Bearer sk-1");
  EXPECT_EQ(*find_field(request.fields, "date"), to_http_date(from_unix(kNow)));
  EXPECT_EQ(*find_field(request.fields, "confide-nonce"), std::string(64, 'a'));
  EXPECT_EQ(*find_field(request.fields, "confide-padding"), "bucketed");
}

TEST(SealedExchange, RequestsHaveTheSizeOfABucket) {
  EXPECT_EQ(Ends(Padding::bucketed).opened.message.size(), 512U);
  EXPECT_EQ(Ends(Padding::constant).opened.message.size(), 512U);
  EXPECT_LT(Ends(Padding::none).opened.message.size(), 256U);
}

class Streams : public ::testing::TestWithParam<Padding> {};

TEST_P(Streams, EachWriteArrivesAtOnceAndWhole) {
  Ends ends(GetParam());
  AnswerReader& reader = ends.exchange.answer;
  EXPECT_EQ(reader.feed(ends.writer.start(kHead).value()).value(), "");
  ASSERT_TRUE(reader.has_head());
  EXPECT_EQ(reader.head().fields.size(), 1U);  // the padding's own field is taken off again
  for (const std::size_t size : {1U, 100U, 505U, 506U, 507U, 20'000U, 40'000U}) {
    const std::string text(size, 'x');
    EXPECT_EQ(reader.feed(ends.writer.write(as_bytes(text)).value()).value(), text) << size;
  }
  EXPECT_EQ(reader.feed(ends.writer.idle().value()).value(), "");
  const HttpFields trailers{{"x-receipt-id", "r-1"}};
  EXPECT_EQ(reader.feed(ends.writer.finish(trailers).value()).value(), "");
  EXPECT_EQ(reader.finish().value(), "");
  ASSERT_EQ(reader.head().trailers.size(), 1U);
  EXPECT_EQ(reader.head().trailers[0].value, "r-1");
}

TEST_P(Streams, CompleteAnswersToo) {
  for (const auto form : {OhttpForm::chunked, OhttpForm::whole}) {
    Ends ends(GetParam(), form);
    InnerResponse response{.status = 404, .content = std::string(50'000, 'e')};
    std::string content = ends.exchange.answer.feed(ends.writer.respond(response).value()).value();
    content += ends.exchange.answer.finish().value();
    EXPECT_EQ(content, response.content);
    EXPECT_EQ(ends.exchange.answer.head().status, 404);
  }
}

TEST_P(Streams, AStreamCutShortIsRefused) {
  Ends ends(GetParam());
  AnswerReader& reader = ends.exchange.answer;
  ASSERT_TRUE(reader.feed(ends.writer.start(kHead).value()));
  ASSERT_TRUE(reader.feed(ends.writer.write(as_bytes("data: 1\n\n")).value()));
  EXPECT_EQ(refusal(reader.finish()), Errc::malformed);
  EXPECT_EQ(refusal(reader.feed({})), Errc::malformed);
}

INSTANTIATE_TEST_SUITE_P(Profiles, Streams,
                         ::testing::Values(Padding::none, Padding::bucketed, Padding::constant),
                         [](const auto& info) { return std::string(to_string(info.param)); });

// Of one sealed chunk: its length before it, its tag after it, and the nonce before the first.
constexpr std::size_t kFraming = 2 + crypto::kAeadTagSize;

TEST(SealedExchange, BucketsHideHowLongAWriteIs) {
  Ends ends(Padding::bucketed);
  EXPECT_EQ(ends.writer.start(kHead).value().size(), 16 + kFraming + 512);
  for (const std::size_t size : {1U, 20U, 300U, 506U}) {
    EXPECT_EQ(ends.writer.write(Bytes(size)).value().size(), kFraming + 512) << size;
  }
  EXPECT_EQ(ends.writer.write(Bytes(507)).value().size(), kFraming + 1024);
  EXPECT_EQ(ends.writer.idle().value().size(), kFraming + 512);
  // The final chunk's length is written as 0, in one byte.
  EXPECT_EQ(ends.writer.finish().value().size(), kFraming - 1 + 512);
}

TEST(SealedExchange, ConstantChunksAreAllAlike) {
  Ends ends(Padding::constant);
  const std::size_t chunk = kFraming + kConstantChunk;
  EXPECT_EQ(ends.writer.start(kHead).value().size(), 16 + chunk);
  EXPECT_EQ(ends.writer.idle().value().size(), chunk);
  EXPECT_EQ(ends.writer.write(Bytes(1)).value().size(), chunk);
  EXPECT_EQ(ends.writer.write(Bytes(kConstantData)).value().size(), chunk);
  EXPECT_EQ(ends.writer.write(Bytes(kConstantData + 1)).value().size(), 2 * chunk);
  EXPECT_EQ(ends.writer.finish().value().size(), chunk - 1);
}

TEST(SealedExchange, WithoutPaddingAStreamIsPlainBinaryHttp) {
  Ends ends(Padding::none);
  AnswerOpener opener([&] {
    return AnswerSecret{.form = OhttpForm::chunked,
                        .aead = ends.opened.answer.aead,
                        .enc = ends.opened.answer.enc,
                        .secret = ends.opened.answer.secret.clone()};
  }());
  Bytes sealed = ends.writer.start(kHead).value();
  append(sealed, ends.writer.write(as_bytes("abc")).value());
  append(sealed, ends.writer.finish().value());
  Bytes message = opener.feed(sealed).value();
  append(message, opener.finish().value());
  const auto response = decode_response(message).value();
  EXPECT_EQ(response.content, "abc");
  EXPECT_EQ(find_field(response.fields, "content-encoding"), nullptr);
}

TEST(SealedExchange, StreamsNeedTheChunkedForm) {
  Ends ends(Padding::none, OhttpForm::whole);
  EXPECT_EQ(refusal(ends.writer.start(kHead)), Errc::internal);
}

TEST(SealedExchange, AStreamHasNoContentLength) {
  Ends ends(Padding::none);
  auto head = kHead;
  head.fields.push_back({"content-length", "3"});
  ASSERT_TRUE(ends.exchange.answer.feed(ends.writer.start(head).value()));
  EXPECT_EQ(find_field(ends.exchange.answer.head().fields, "content-length"), nullptr);
}

}  // namespace
}  // namespace confide::seal
