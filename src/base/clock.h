// Time as everything above base/ takes it: an argument, or a Clock that tests can set.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace confide {

using Time = std::chrono::sys_seconds;

// Seconds since 1970-01-01T00:00:00Z.
constexpr std::int64_t to_unix(Time t) noexcept { return t.time_since_epoch().count(); }
constexpr Time from_unix(std::int64_t s) noexcept { return Time{std::chrono::seconds{s}}; }

// RFC 3339 in UTC, whole seconds: 2026-11-22T05:00:00Z. Nothing else is accepted.
std::string to_rfc3339(Time t);
Result<Time> parse_rfc3339(std::string_view text);

// RFC 9110, section 5.6.7, in the one form that may be sent: Sun, 06 Nov 1994 08:49:37 GMT. Nothing
// else is accepted, nor a day of the week that is not the date's.
std::string to_http_date(Time t);
Result<Time> parse_http_date(std::string_view text);

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time now() const override {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  }
};

// Stands where it is put.
class FixedClock final : public Clock {
 public:
  explicit FixedClock(Time t) noexcept : time_(t) {}
  Time now() const override { return time_; }
  void set(Time t) noexcept { time_ = t; }

 private:
  Time time_;
};

}  // namespace confide
