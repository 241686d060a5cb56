#include "client/stream_gate.h"

#include <gtest/gtest.h>

namespace confide::client {
namespace {

constexpr std::string_view kOpenAi = "data: {\"a\":1}\n\ndata: {\"b\":2}\n\n";
constexpr std::string_view kDone = "data: [DONE]\n\n";

TEST(StreamGate, HandsEventsOnAtOnceAndHoldsTheEnd) {
  StreamGate gate;
  EXPECT_EQ(gate.feed("data: {\"a\":1}\n\n"), "data: {\"a\":1}\n\n");
  EXPECT_EQ(gate.feed(kDone), "");
  EXPECT_EQ(gate.feed(": and what follows\n"), "");
  EXPECT_EQ(gate.release(), std::string(kDone) + ": and what follows\n");
}

TEST(StreamGate, WhereverItIsCut) {
  const std::string stream = std::string(kOpenAi) + std::string(kDone);
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    StreamGate gate;
    std::string out = gate.feed(std::string_view(stream).substr(0, cut)).value();
    out += gate.feed(std::string_view(stream).substr(cut)).value();
    EXPECT_EQ(out, kOpenAi) << cut;
    EXPECT_EQ(gate.release(), kDone) << cut;
  }
}

TEST(StreamGate, KnowsTheEndsOfTheDialects) {
  for (const std::string end :
       {"data:[DONE]\n", "data: [DONE]\r\n", "event: message_stop\ndata: {}\n\n",
        "event: response.completed\ndata: {}\n\n", "event: response.incomplete\n",
        "event: response.failed\n", "data: [DONE]\rdata: more\r", "data: [DONE] \n",
        "data: \t[DONE]!\n", "data: [DONE] and what some clients pass over, however long it is"}) {
    StreamGate gate;
    EXPECT_EQ(gate.feed("event: x\n" + end), "event: x\n") << end;
    EXPECT_EQ(gate.release(), end);
  }
}

TEST(StreamGate, TheWordsInsideAnAnswerAreNotItsEnd) {
  for (const std::string line :
       {"data: {\"content\":\"data: [DONE]\"}\n", "event: message_start\n", "xdata: [DONE]\n"}) {
    StreamGate gate;
    EXPECT_EQ(gate.feed(line), line);
  }
}

TEST(StreamGate, ACarriageReturnEndsALine) {
  StreamGate gate;
  EXPECT_EQ(gate.feed("data: {}\rdata: [DONE]\r\rmore"), "data: {}\r");
}

TEST(StreamGate, AStreamThatGoesOnAfterItsEndIsGivenUp) {
  StreamGate gate;
  EXPECT_EQ(gate.feed(kDone), "");
  EXPECT_EQ(gate.feed(std::string((1U << 20U) - kDone.size(), 'x')), "");
  const auto more = gate.feed("x");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Errc::limit);
}

TEST(StreamGate, ALongLineIsNotGathered) {
  StreamGate gate;
  const std::string start = "data: " + std::string(1000, 'x');
  EXPECT_EQ(gate.feed(start), start);
  EXPECT_EQ(gate.feed("data: [DONE]"), "data: [DONE]");
  EXPECT_EQ(gate.feed("\ndata: [DONE]\n"), "\n");
}

TEST(StreamGate, AnEndWithoutLineBreakIsHeldToo) {
  StreamGate gate;
  EXPECT_EQ(gate.feed("data: [DONE]"), "");
  EXPECT_EQ(gate.release(), "data: [DONE]");
}

}  // namespace
}  // namespace confide::client
