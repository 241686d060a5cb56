#include "ops/log.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"

namespace confide::ops {
namespace {

using ::testing::IsEmpty;
using ::testing::MatchesRegex;

struct LogTest : ::testing::Test {
  ~LogTest() override { start_logging(LogLevel::info); }

  static std::string logged(LogLevel level, std::string_view text) {
    ::testing::internal::CaptureStderr();
    log(level, text);
    return ::testing::internal::GetCapturedStderr();
  }
};

constexpr const char* kStamp = "[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+Z ";

TEST_F(LogTest, WritesTimeLevelAndTextToStderr) {
  start_logging(LogLevel::debug);
  EXPECT_THAT(logged(LogLevel::debug, "a"), MatchesRegex(std::string(kStamp) + "debug a\n"));
  EXPECT_THAT(logged(LogLevel::info, "b"), MatchesRegex(std::string(kStamp) + "info b\n"));
  EXPECT_THAT(logged(LogLevel::warning, "c"), MatchesRegex(std::string(kStamp) + "warning c\n"));
  EXPECT_THAT(logged(LogLevel::error, "d"), MatchesRegex(std::string(kStamp) + "error d\n"));
}

TEST_F(LogTest, LeavesOutWhatIsBelowTheLeastLevel) {
  start_logging(LogLevel::warning);
  EXPECT_THAT(logged(LogLevel::info, "quiet"), IsEmpty());
  EXPECT_THAT(logged(LogLevel::warning, "loud"),
              MatchesRegex(std::string(kStamp) + "warning loud\n"));
}

TEST_F(LogTest, ForgesNoSecondLine) {
  EXPECT_THAT(
      logged(LogLevel::info, "model\n2026-01-01T00:00:00Z error x\x1b[2J"),
      MatchesRegex(std::string(kStamp) + "info model.2026-01-01T00:00:00Z error x.\\[2J\n"));
}

TEST_F(LogTest, TakesBracesLiterally) {
  EXPECT_THAT(logged(LogLevel::info, "{} {0:x}"),
              MatchesRegex(std::string(kStamp) + "info \\{\\} \\{0:x\\}\n"));
}

TEST_F(LogTest, WritesFieldsBehindTheText) {
  ::testing::internal::CaptureStderr();
  log(LogLevel::info, "request", {{"route", "/v1/models"}, {"status", 200}, {"key", nullptr}});
  EXPECT_THAT(
      ::testing::internal::GetCapturedStderr(),
      MatchesRegex(std::string(kStamp) + "info request route=/v1/models status=200 key=null\n"));
}

TEST_F(LogTest, JsonLinesAreDocumentsWhateverIsLogged) {
  start_logging(LogLevel::info, LogFormat::json);
  ::testing::internal::CaptureStderr();
  log(LogLevel::warning, "a \"quoted\"\nbyte \xff", {{"status", 200}});
  const std::string line = ::testing::internal::GetCapturedStderr();
  const auto parsed = json::parse(line);
  ASSERT_TRUE(parsed) << line;
  EXPECT_EQ((*parsed)["level"], "warning");
  EXPECT_EQ((*parsed)["message"], "a \"quoted\"\nbyte \xEF\xBF\xBD");
  EXPECT_EQ((*parsed)["status"], 200);
  EXPECT_TRUE(parse_rfc3339(parsed->at("time").get<std::string>()));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

}  // namespace
}  // namespace confide::ops
