#include "net/sse.h"

#include <gmock/gmock.h>

#include <random>
#include <string>
#include <vector>

namespace confide::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Sse : ::testing::Test {
  std::vector<std::string> events;
  SseParser parser{[this](std::string_view data) { events.emplace_back(data); }, 64};
};

TEST_F(Sse, EventRoundTrips) {
  EXPECT_EQ(sse_event(R"({"a":1})"), "data: {\"a\":1}\n\n");
  ASSERT_TRUE(parser.feed(sse_event("one\ntwo\r\nthree\rfour") + sse_event("") + sse_event("x")));
  EXPECT_THAT(events, ElementsAre("one\ntwo\nthree\nfour", "", "x"));
}

TEST_F(Sse, AllLineEndingsAndEverySplitGiveTheSameEvents) {
  const std::string stream =
      "\xEF\xBB\xBF"
      "data: a\r\n\r\n: comment\rdata:b\rdata: c\r\revent: x\ndata\n\nid: 1\n\n"
      "data:  d\n\ndata: [DONE]\n\n";
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    std::vector<std::string> got;
    SseParser p([&got](std::string_view data) { got.emplace_back(data); });
    ASSERT_TRUE(p.feed(stream.substr(0, cut)));
    ASSERT_TRUE(p.feed(stream.substr(cut)));
    EXPECT_THAT(got, ElementsAre("a", "b\nc", "", " d")) << cut;
    EXPECT_TRUE(p.complete()) << cut;
  }
}

TEST_F(Sse, ByteOrderMarkCountsOnlyAtTheStart) {
  ASSERT_TRUE(
      parser.feed("data: a\n\n\xEF\xBB\xBF"
                  "data: b\n\n"));
  EXPECT_THAT(events, ElementsAre("a"));
}

TEST_F(Sse, IsCompleteOnlyAfterDoneAndBetweenEvents) {
  EXPECT_FALSE(parser.complete());
  ASSERT_TRUE(parser.feed("data: a\n\n"));
  EXPECT_FALSE(parser.complete());
  ASSERT_TRUE(parser.feed("data: [DONE]\n"));
  EXPECT_FALSE(parser.complete());
  ASSERT_TRUE(parser.feed("\n"));
  EXPECT_TRUE(parser.complete());
  ASSERT_TRUE(parser.feed("da"));
  EXPECT_FALSE(parser.complete());
  ASSERT_TRUE(parser.feed("ta: b\n\n"));
  EXPECT_FALSE(parser.complete());
  EXPECT_THAT(events, ElementsAre("a", "b"));
}

TEST_F(Sse, RefusesAnEventThatIsTooLongForGood) {
  const auto line = parser.feed("data: " + std::string(64, 'x'));
  ASSERT_FALSE(line);
  EXPECT_EQ(line.error().code, Errc::limit);
  EXPECT_FALSE(parser.feed("\n\n"));
  EXPECT_THAT(events, IsEmpty());

  SseParser lines([](std::string_view) { FAIL(); }, 64);
  Status status;
  for (int i = 0; i < 100 && status; ++i) status = lines.feed("data:\n");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::limit);
}

TEST_F(Sse, SurvivesRandomBytes) {
  std::mt19937 random(7);
  constexpr std::string_view kAlphabet = "data: \r\n\xEF\xBB\xBF[DONE]x";
  for (int round = 0; round < 2000; ++round) {
    SseParser p([](std::string_view data) { EXPECT_LE(data.size(), 40U); }, 40);
    bool refused = false;
    for (int piece = 0; piece < 10; ++piece) {
      std::string bytes;
      for (std::size_t n = random() % 12; n > 0; --n)
        bytes += kAlphabet[random() % kAlphabet.size()];
      const bool ok = p.feed(bytes).has_value();
      EXPECT_FALSE(refused && ok && !bytes.empty());
      refused = refused || !ok;
    }
  }
}

}  // namespace
}  // namespace confide::net
