#include "api/sealed_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/fakes_for_test.h"

namespace confide::api {
namespace {

using seal::OhttpForm;
using seal::Padding;

// One exchange from both its ends, without a service.
struct Ends {
  explicit Ends(OhttpForm form = OhttpForm::chunked, Padding padding = Padding::bucketed,
                bool head_only = false)
      : sealer(seal::RequestSealer::start(seal::GatewayKey::generate(1).config(),
                                          crypto::Aead::aes_128_gcm, form)
                   .value()),
        reader(sealer.answer_secret()) {
    net::Headers headers;
    headers.set("X-Outer", "yes");
    exchange = make_sealed_exchange(
        {.writer = seal::AnswerWriter(seal::AnswerSealer(sealer.answer_secret()), padding),
         .head_only = head_only,
         .headers = std::move(headers)},
        outer, pacer);
  }
  static net::HttpResponse head(int status = 200) {
    net::HttpResponse out;
    out.status = status;
    out.headers.set("Content-Type", "text/plain");
    return out;
  }
  // All of the answer's content; fails unless it has its end.
  Result<std::string> read() {
    TRY_ASSIGN(std::string content, reader.feed(as_bytes(outer->body())));
    TRY_ASSIGN(const std::string rest, reader.finish());
    return content + rest;
  }

  Pacer pacer{std::chrono::milliseconds{1}};
  seal::RequestSealer sealer;
  seal::AnswerReader reader;
  std::shared_ptr<FakeExchange> outer = std::make_shared<FakeExchange>();
  std::shared_ptr<net::Exchange> exchange;
};

struct SealedExchangeTest : ::testing::TestWithParam<std::tuple<OhttpForm, Padding>> {};

TEST_P(SealedExchangeTest, ACompleteAnswer) {
  const auto [form, padding] = GetParam();
  Ends ends(form, padding);
  auto response = Ends::head(404);
  response.body = "not here";
  ends.exchange->respond(response);
  ends.exchange->respond(Ends::head());
  ends.exchange->abort();
  EXPECT_EQ(ends.outer->status(), 200);
  EXPECT_EQ(ends.outer->headers().get("Content-Type"), seal::response_type(form));
  EXPECT_EQ(ends.outer->headers().get("X-Outer"), "yes");
  EXPECT_FALSE(ends.outer->aborted());
  EXPECT_EQ(ends.read().value(), "not here");
  EXPECT_EQ(ends.reader.head().status, 404);
  EXPECT_EQ(*seal::find_field(ends.reader.head().fields, "content-type"), "text/plain");
}

TEST_P(SealedExchangeTest, AStream) {
  const auto [form, padding] = GetParam();
  Ends ends(form, padding);
  ends.exchange->start(Ends::head());
  ends.exchange->write("one ");
  ends.exchange->write("two");
  ends.exchange->finish();
  ends.exchange->write("three");
  ends.exchange->abort();
  ends.outer->wait();
  EXPECT_FALSE(ends.outer->aborted());
  EXPECT_EQ(ends.read().value(), "one two");
}

TEST_P(SealedExchangeTest, AnAbortedStreamHasNoEnd) {
  const auto [form, padding] = GetParam();
  Ends ends(form, padding);
  ends.exchange->start(Ends::head());
  ends.exchange->write("one");
  ends.exchange->abort();
  ends.exchange->finish();
  ends.outer->wait();
  EXPECT_TRUE(ends.outer->aborted());
  EXPECT_EQ(ends.read().error().code, Errc::malformed);
}

TEST_P(SealedExchangeTest, ADroppedStreamHasNoEnd) {
  const auto [form, padding] = GetParam();
  Ends ends(form, padding);
  ends.exchange->start(Ends::head());
  ends.exchange->write("one");
  ends.exchange.reset();
  ends.outer->wait();
  EXPECT_TRUE(ends.outer->aborted());
  EXPECT_EQ(ends.read().error().code, Errc::malformed);
}

TEST_P(SealedExchangeTest, OneDroppedUnansweredIsASealedError) {
  const auto [form, padding] = GetParam();
  Ends ends(form, padding);
  ends.exchange.reset();
  EXPECT_THAT(ends.read().value(), ::testing::HasSubstr("internal_error"));
  EXPECT_EQ(ends.reader.head().status, 500);
  EXPECT_EQ(ends.outer->status(), 200);
}

TEST_P(SealedExchangeTest, AHeadRequestHasNoContent) {
  const auto [form, padding] = GetParam();
  Ends ends(form, padding, /*head_only=*/true);
  auto response = Ends::head();
  response.body = "content";
  ends.exchange->respond(response);
  EXPECT_EQ(ends.read().value(), "");
}

INSTANTIATE_TEST_SUITE_P(All, SealedExchangeTest,
                         ::testing::Combine(::testing::Values(OhttpForm::whole, OhttpForm::chunked),
                                            ::testing::Values(Padding::none, Padding::bucketed,
                                                              Padding::constant)));

TEST(SealedExchange, EachPieceLeavesAtOnce) {
  Ends ends;
  ends.exchange->start(Ends::head());
  EXPECT_EQ(ends.outer->headers().get("Incremental"), "?1");
  ASSERT_TRUE(ends.reader.feed(as_bytes(ends.outer->body())));
  EXPECT_TRUE(ends.reader.has_head());
  const std::size_t before = ends.outer->body().size();
  ends.exchange->write("piece");
  const std::string sent = ends.outer->body();
  EXPECT_EQ(ends.reader.feed(as_bytes(sent).subspan(before)).value(), "piece");
  EXPECT_FALSE(ends.outer->ended());
}

TEST(SealedExchange, WhatIsForBrowsersStaysOutside) {
  Ends ends;
  auto response = Ends::head();
  response.headers.set("Access-Control-Allow-Origin", "*");
  ends.exchange->respond(response);
  ASSERT_TRUE(ends.read());
  EXPECT_EQ(seal::find_field(ends.reader.head().fields, "access-control-allow-origin"), nullptr);
}

TEST(SealedExchange, WhatCannotBeSealedIsNotSentInClear) {
  Ends ends;
  auto response = Ends::head();
  response.headers.set("X-Bad", "line\r\nbreak");
  response.body = "secret";
  ends.exchange->respond(response);
  EXPECT_EQ(ends.outer->status(), 500);
  EXPECT_EQ(ends.outer->body().find("secret"), std::string::npos);
}

TEST(SealedExchange, AStreamInTheWholeFormIsBounded) {
  Ends ends(OhttpForm::whole);
  ends.exchange->start(Ends::head());
  ends.exchange->write(std::string(kMaxWholeAnswer, 'x'));
  EXPECT_FALSE(ends.outer->aborted());
  ends.exchange->write("y");
  EXPECT_TRUE(ends.outer->aborted());
}

TEST(SealedExchange, TheHandlerLearnsThatTheClientIsGone) {
  Ends ends;
  bool gone = false;
  ends.exchange->on_gone([&] { gone = true; });
  ends.outer->client_goes_away();
  EXPECT_TRUE(gone);
}

TEST(SealedExchange, AConstantStreamEndsWhenItsClientIsGone) {
  Ends ends(OhttpForm::chunked, Padding::constant);
  ends.exchange->start(Ends::head());
  ends.exchange->write(std::string(std::size_t{1} << 20U, 'x'));
  ends.exchange->finish();
  ends.outer->client_goes_away();
  ends.outer->wait();
  EXPECT_TRUE(ends.outer->aborted()) << "nobody is left for whom to go on";
}

TEST(SealedExchange, AConstantStreamSaysNothingOfItsPieces) {
  Ends quiet(OhttpForm::chunked, Padding::constant);
  quiet.exchange->start(Ends::head());
  const auto chunks = [](const Ends& ends) { return ends.outer->body().size(); };
  const std::size_t head = chunks(quiet);
  while (chunks(quiet) < head + 3 * seal::kConstantChunk) std::this_thread::yield();
  EXPECT_FALSE(quiet.outer->ended()) << "it goes on without anything to say";
}

struct Countdown final : Paced {
  explicit Countdown(int ticks) : left(ticks) {}
  bool tick() override { return left.fetch_sub(1) > 1; }
  std::atomic<int> left;
};

struct Failing final : Paced {
  bool tick() override {
    ++ticks;
    throw std::bad_alloc();
  }
  std::atomic<int> ticks = 0;
};

TEST(SealedExchange, AConstantStreamWaitsForAClientThatHardlyReads) {
  Ends ends(OhttpForm::chunked, Padding::constant);
  ends.outer->behind = kMaxUnsent + 1;
  ends.exchange->start(Ends::head());
  ends.exchange->write("text");
  ends.exchange->finish();
  const std::size_t head = ends.outer->body().size();
  // Ticked more often than what it has would take.
  const auto ticks = std::make_shared<Countdown>(10);
  ends.pacer.add(ticks);
  while (ticks.use_count() > 1) std::this_thread::yield();
  EXPECT_EQ(ends.outer->body().size(), head);
  EXPECT_FALSE(ends.outer->ended());
  ends.outer->behind = kMaxUnsent;
  ends.outer->wait();
  EXPECT_EQ(ends.read().value(), "text");
}

TEST(Pacer, TicksEachMemberUntilItIsOverAndLetsGo) {
  const auto three = std::make_shared<Countdown>(3);
  const auto endless = std::make_shared<Countdown>(1'000'000'000);
  {
    Pacer pacer(std::chrono::milliseconds{1});
    pacer.add(three);
    pacer.add(endless);
    while (three.use_count() > 1) std::this_thread::yield();
    EXPECT_EQ(three->left, 0);
  }
  EXPECT_EQ(endless.use_count(), 1);
}

TEST(Pacer, OneThatThrowsIsDroppedAndTheOthersGoOn) {
  Pacer pacer(std::chrono::milliseconds{1});
  const auto failing = std::make_shared<Failing>();
  const auto after = std::make_shared<Countdown>(5);
  pacer.add(failing);
  pacer.add(after);
  while (failing.use_count() > 1 || after.use_count() > 1) std::this_thread::yield();
  EXPECT_EQ(failing->ticks, 1);
  EXPECT_EQ(after->left, 0);
}

TEST(SealedExchange, ALongBacklogLeavesInOrder) {
  Ends ends(OhttpForm::chunked, Padding::constant);
  std::string text;
  for (int i = 0; i < 2000; ++i) text += std::to_string(i) + ' ';
  ends.exchange->start(Ends::head());
  ends.exchange->write(text.substr(0, 3000));
  ends.exchange->write(text.substr(3000));
  ends.exchange->finish();
  ends.outer->wait();
  EXPECT_EQ(ends.read().value(), text);
}

}  // namespace
}  // namespace confide::api
