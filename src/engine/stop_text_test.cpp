#include "engine/stop_text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace confide::engine {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Everything that comes out of `pieces`, the end included.
std::string shown(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopText text(stops);
  std::string out;
  for (const std::string& piece : pieces) out += text.push(piece);
  return out += text.finish();
}

std::vector<std::string> bytes_of(std::string_view text) {
  std::vector<std::string> out;
  for (const char c : text) out.emplace_back(1, c);
  return out;
}

TEST(StopTextTest, TextPassesAtOnce) {
  StopText text({});
  EXPECT_EQ(text.push("Hello"), "Hello");
  EXPECT_EQ(text.push(""), "");
  EXPECT_EQ(text.push(", world"), ", world");
  EXPECT_EQ(text.finish(), "");
  EXPECT_FALSE(text.stopped());
}

TEST(StopTextTest, CharacterWaitsForItsLastByte) {
  StopText text({});
  EXPECT_EQ(text.push("a\xF0\x9F"), "a");
  EXPECT_EQ(text.push("\x98"), "");
  EXPECT_EQ(text.push("\x80!"), "\xF0\x9F\x98\x80!");
}

TEST(StopTextTest, AnyCutOfTextGivesTheSameText) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";
  EXPECT_EQ(shown({}, bytes_of(text)), text);
  EXPECT_EQ(shown({"\xE2\x82\xAF", "zz"}, bytes_of(text)), text);
}

TEST(StopTextTest, CharacterCutOffAtTheEndIsReplaced) {
  EXPECT_EQ(shown({}, {"ab\xE2\x82"}), "ab" + std::string(kReplacement));
}

TEST(StopTextTest, BytesThatAreNoTextAreReplacedOneByOne) {
  const std::string r(kReplacement);
  EXPECT_EQ(shown({}, {"\x80"}), r);                          // nothing to continue
  EXPECT_EQ(shown({}, {"\xC0\xAF"}), r + r);                  // overlong
  EXPECT_EQ(shown({}, {"\xED\xA0\x80"}), r + r + r);          // surrogate
  EXPECT_EQ(shown({}, {"\xF4\x90\x80\x80"}), r + r + r + r);  // beyond U+10FFFF
  EXPECT_EQ(shown({}, {"\xE2\x82", "A"}), r + "A");           // cut off by another character
  EXPECT_EQ(shown({}, {"\xFF", "ok"}), r + "ok");
}

TEST(StopTextTest, StopStringEndsTheTextBeforeIt) {
  StopText text({"END"});
  EXPECT_EQ(text.push("abcENDdef"), "abc");
  EXPECT_TRUE(text.stopped());
  EXPECT_EQ(text.push("more"), "");
  EXPECT_EQ(text.finish(), "");
}

TEST(StopTextTest, StopStringSplitOverTokensNeverShows) {
  StopText text({"</s>"});
  EXPECT_EQ(text.push("x<"), "x");
  EXPECT_EQ(text.push("/"), "");
  EXPECT_EQ(text.push("s"), "");
  EXPECT_EQ(text.push(">y"), "");
  EXPECT_TRUE(text.stopped());
}

TEST(StopTextTest, PrefixIsHeldOnlyWhileItMayStillBecomeOne) {
  StopText text({"</s>"});
  EXPECT_EQ(text.push("</"), "");
  EXPECT_EQ(text.push("b>"), "</b>");
}

TEST(StopTextTest, HeldPrefixIsShownAtTheEnd) { EXPECT_EQ(shown({"</s>"}, {"a</"}), "a</"); }

TEST(StopTextTest, OverlappingPrefixIsNotLost) {
  StopText text({"aab"});
  EXPECT_EQ(text.push("aa"), "");
  EXPECT_EQ(text.push("a"), "a");
  EXPECT_EQ(text.push("b"), "");
  EXPECT_TRUE(text.stopped());
}

TEST(StopTextTest, EarliestOfSeveralWins) {
  EXPECT_EQ(shown({"world", "lo"}, {"hel", "lo world"}), "hel");
}

TEST(StopTextTest, SaysWhichStopStringCame) {
  StopText text({"", "world", "lo", "lo w"});
  text.push("hel");
  EXPECT_EQ(text.stopped_by(), std::nullopt);
  text.push("lo world");
  EXPECT_EQ(text.stopped_by(), 2U);
}

TEST(StopTextTest, LongerHoldOfSeveralWins) {
  StopText text({"xyz!", "z?"});
  EXPECT_EQ(text.push("wxyz"), "w");
  EXPECT_EQ(text.push("."), "xyz.");
}

TEST(StopTextTest, EmptyStopStringIsIgnored) { EXPECT_EQ(shown({""}, {"abc"}), "abc"); }

TEST(StopTextTest, StopStringOfManyBytesSplitInACharacter) {
  StopText text({"\xE2\x82\xAC"});
  EXPECT_EQ(text.push("5 \xE2"), "5 ");
  EXPECT_EQ(text.push("\x82\xAC"), "");
  EXPECT_TRUE(text.stopped());
}

TEST(StopTextTest, CharacterCutOffBeforeAStopStringIsReplaced) {
  EXPECT_EQ(shown({"END"}, {"a\xE2\x82", "END"}), "a" + std::string(kReplacement));
}

}  // namespace
}  // namespace confide::engine
