#include "base/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace confide {
namespace {

constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Two or four digits at `at`, or -1.
int digits(std::string_view text, std::size_t at, std::size_t n) {
  int value = 0;
  for (std::size_t i = at; i < at + n; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

struct Fields {
  int year, month, day, hour, minute, second;  // -1 where no digits stood
};

// Nothing if there is no such time.
std::optional<Time> time_of(const Fields& f) {
  if (f.year < 0 || f.month < 0 || f.day < 0 || f.hour < 0 || f.minute < 0 || f.second < 0) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year{f.year},
                                         std::chrono::month{static_cast<unsigned>(f.month)},
                                         std::chrono::day{static_cast<unsigned>(f.day)}};
  if (!date.ok() || f.hour > 23 || f.minute > 59 || f.second > 59) return std::nullopt;
  return Time{std::chrono::sys_days{date}} + std::chrono::hours{f.hour} +
         std::chrono::minutes{f.minute} + std::chrono::seconds{f.second};
}

}  // namespace

std::string to_rfc3339(Time t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{t - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count());
}

Result<Time> parse_rfc3339(std::string_view text) {
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:ddZ";
  const auto bad = [] { return fail(Errc::malformed, "not a time like 2026-11-22T05:00:00Z"); };
  if (text.size() != kShape.size()) return bad();
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    if (kShape[i] != 'd' && text[i] != kShape[i]) return bad();
  }
  const auto time = time_of({.year = digits(text, 0, 4),
                             .month = digits(text, 5, 2),
                             .day = digits(text, 8, 2),
                             .hour = digits(text, 11, 2),
                             .minute = digits(text, 14, 2),
                             .second = digits(text, 17, 2)});
  if (!time) return bad();
  return *time;
}

std::string to_http_date(Time t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{t - day};
  return fmt::format(
      "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[std::chrono::weekday{day}.c_encoding()],
      static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
      static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
      time.seconds().count());
}

Result<Time> parse_http_date(std::string_view text) {
  constexpr std::size_t kSize = 29;
  const auto bad = [] { return fail(Errc::malformed, "not a date as HTTP writes it"); };
  if (text.size() != kSize) return bad();
  const auto month = std::ranges::find(kMonths, text.substr(8, 3)) - kMonths.begin() + 1;
  const auto time = time_of({.year = digits(text, 12, 4),
                             .month = static_cast<int>(month),
                             .day = digits(text, 5, 2),
                             .hour = digits(text, 17, 2),
                             .minute = digits(text, 20, 2),
                             .second = digits(text, 23, 2)});
  // One spelling of each time: what stands between the numbers is judged by writing it again.
  if (!time || to_http_date(*time) != text) return bad();
  return *time;
}

}  // namespace confide
