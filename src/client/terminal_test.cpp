#include "client/terminal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace confide::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string guarded(std::initializer_list<std::string_view> pieces) {
  TerminalGuard guard;
  std::string out;
  for (const std::string_view piece : pieces) out += guard.feed(piece);
  return out + guard.finish();
}

TEST(TerminalGuard, LetsTextThrough) {
  EXPECT_EQ(guarded({"Grüße, 世界 🙂\n\tand tabs"}), "Grüße, 世界 🙂\n\tand tabs");
}

TEST(TerminalGuard, WritesOutEscapeSequences) {
  EXPECT_EQ(guarded({"\x1b]0;title\x07", "\x1b[2J"}), "\\x1b]0;title\\x07\\x1b[2J");
  EXPECT_EQ(guarded({"over\rwritten\x7f"}), "over\\x0dwritten\\x7f");
}

TEST(TerminalGuard, WritesOutC1ControlsAndReordering) {
  EXPECT_EQ(guarded({"a\xC2\x9B"
                     "2J"}),
            "a\\x9b2J");
  EXPECT_EQ(guarded({"\xE2\x80\xAE"
                     "txt"}),
            "\\u{202e}txt");
}

TEST(TerminalGuard, JoinsCharactersCutBetweenPieces) {
  EXPECT_EQ(guarded({"\xE4", "\xB8", "\x96"}), "世");
  EXPECT_EQ(guarded({"\xC2", "\x9B"}), "\\x9b");
}

TEST(TerminalGuard, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(guarded({"a\xFF"
                     "b"}),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(guarded({"\xC0\x9B"}), "\xEF\xBF\xBD\xEF\xBF\xBD");  // overlong
  EXPECT_EQ(guarded({"\xED\xA0\x80"}), "\xEF\xBF\xBD");          // a surrogate
  EXPECT_EQ(guarded({"cut \xE4\xB8"}), "cut \xEF\xBF\xBD");      // never ended
  EXPECT_EQ(guarded({"\xE4\x1b[0m"}), "\xEF\xBF\xBD\\x1b[0m");   // broken off by an escape
}

TEST(Printable, KeepsToOneLine) { EXPECT_EQ(printable("a\nb\tc"), "a\\x0ab\\x09c"); }

TEST(RenderChecks, AlignsDetailsAndMarks) {
  verify::Verdict verdict;
  verdict.pass("a", "first");
  verdict.fail("longer.id", "second");
  verdict.skip("b", "third");
  EXPECT_EQ(render_checks(verdict, {}),
            "  ✓ a          first\n"
            "  ✗ longer.id  second\n"
            "  - b          third\n");
}

TEST(RenderChecks, CutsPassedDetailsButNeverFailures) {
  verify::Verdict verdict;
  verdict.pass("a", std::string(100, 'p'));
  verdict.fail("b", std::string(100, 'f'));
  const std::string text = render_checks(verdict, {.colour = false, .width = 40});
  EXPECT_THAT(text, HasSubstr("…"));
  EXPECT_THAT(text, Not(HasSubstr(std::string(100, 'p'))));
  EXPECT_THAT(text, HasSubstr(std::string(100, 'f')));
}

TEST(RenderChecks, ColoursOnlyWhenAsked) {
  verify::Verdict verdict;
  verdict.pass("a", "\x1b[31mserver's own colour");
  EXPECT_THAT(render_checks(verdict, {}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(render_checks(verdict, {.colour = true, .width = 0}), HasSubstr("\x1b[32m"));
}

TEST(RenderVerdict, NamesSimulationAndFailure) {
  verify::Verdict verdict;
  EXPECT_THAT(render_verdict(verdict, {}, "genuine Intel TDX hardware"),
              HasSubstr("NOT VERIFIED: nothing was checked"));
  verdict.pass("a", "");
  EXPECT_EQ(render_verdict(verdict, {}, "genuine Intel TDX hardware"),
            "Verified: genuine Intel TDX hardware\n");
  verdict.simulated = true;
  EXPECT_EQ(render_verdict(verdict, {}, "genuine Intel TDX hardware"),
            "Verified: SIMULATED TEE - no hardware protects this\n");
  verdict.fail("aci.tls", "another key");
  EXPECT_EQ(render_verdict(verdict, {}, "genuine Intel TDX hardware"),
            "NOT VERIFIED: aci.tls: another key\n");
}

}  // namespace
}  // namespace confide::client
