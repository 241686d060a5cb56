#include "ops/log.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace confide::ops {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::unique_ptr<spdlog::formatter> make_formatter(LogFormat format) {
  const char* pattern = format == LogFormat::json
                            ? R"({"time":"%Y-%m-%dT%H:%M:%SZ","level":"%l",%v})"
                            : "%Y-%m-%dT%H:%M:%SZ %l %v";
  return std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc);
}

std::atomic<LogFormat> chosen_format = LogFormat::text;

// Not spdlog's default logger: that one writes to stdout, where programs put their results.
spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("confide",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_formatter(make_formatter(LogFormat::text));
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

// What is no UTF-8 is replaced: a path may be anything.
std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Without its braces, which the pattern has.
std::string json_members(std::string_view text, const Json& fields) {
  Json line = {{"message", text}};
  line.update(fields);
  const std::string whole = dump(line);
  return whole.substr(1, whole.size() - 2);
}

std::string text_members(std::string_view text, const Json& fields) {
  std::string line(text);
  for (const auto& [name, value] : fields.items()) {
    line += ' ' + name + '=' + (value.is_string() ? value.get<std::string>() : dump(value));
  }
  // One entry is one line: a path or a model's name may not forge another.
  std::ranges::replace_if(
      line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return line;
}

}  // namespace

void start_logging(LogLevel least, LogFormat format) {
  chosen_format = format;
  logger().set_formatter(make_formatter(format));
  logger().set_level(to_spdlog(least));
}

void log(LogLevel level, std::string_view text) { log(level, text, Json::object()); }

void log(LogLevel level, std::string_view text, const Json& fields) {
  if (!logger().should_log(to_spdlog(level))) return;
  const std::string line =
      chosen_format == LogFormat::json ? json_members(text, fields) : text_members(text, fields);
  logger().log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace confide::ops
