#include "base/clock.h"

#include <gtest/gtest.h>

#include "base/testing.h"

namespace confide {
namespace {

TEST(Rfc3339, WritesAndReadsUtcSeconds) {
  EXPECT_EQ(to_rfc3339(from_unix(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(from_unix(1'750'000'000)), "2025-06-15T15:06:40Z");
  EXPECT_EQ(to_rfc3339(from_unix(-1)), "1969-12-31T23:59:59Z");
  EXPECT_EQ(to_unix(*parse_rfc3339("2025-06-15T15:06:40Z")), 1'750'000'000);
  EXPECT_EQ(to_unix(*parse_rfc3339("2024-02-29T00:00:00Z")), 1'709'164'800);
  EXPECT_EQ(to_unix(*parse_rfc3339("9999-12-31T23:59:59Z")), 253'402'300'799);
}

TEST(Rfc3339, RefusesEveryOtherForm) {
  for (const char* text :
       {"", "2026-11-22", "2026-11-22T05:00:00", "2026-11-22T05:00:00z", "2026-11-22t05:00:00Z",
        "2026-11-22 05:00:00Z", "2026-11-22T05:00:00+00:00", "2026-11-22T05:00:00.0Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z",
        "2026-11-00T00:00:00Z", "2026-11-31T00:00:00Z", "2026-11-22T24:00:00Z",
        "2026-11-22T05:60:00Z", "2026-11-22T05:00:60Z", "2026-1a-22T05:00:00Z",
        "-026-11-22T05:00:00Z", "2026-11-22T05:00:00Z "}) {
    EXPECT_EQ(refusal(parse_rfc3339(text)), Errc::malformed) << text;
  }
}

TEST(Clock, FixedClockStandsWhereItIsPut) {
  FixedClock clock(from_unix(10));
  EXPECT_EQ(clock.now(), from_unix(10));
  clock.set(from_unix(20));
  EXPECT_EQ(clock.now(), from_unix(20));
}

TEST(Clock, SystemClockIsPastTheDayThisWasWritten) {
  EXPECT_GT(SystemClock().now(), *parse_rfc3339("2026-11-01T00:00:00Z"));
}

TEST(HttpDate, RoundTripsInTheOneFormAccepted) {
  const Time time = from_unix(784'111'777);
  EXPECT_EQ(to_http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").value(), time);
  EXPECT_EQ(parse_http_date(to_http_date(from_unix(0))).value(), from_unix(0));
  for (const auto* text : {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
                           "Mon, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC",
                           "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:49:60 GMT",
                           "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun  06 Nov 1994 08:49:37 GMT"}) {
    EXPECT_EQ(refusal(parse_http_date(text)), Errc::malformed) << text;
  }
}

}  // namespace
}  // namespace confide
