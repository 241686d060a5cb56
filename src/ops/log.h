// Logging to stderr. What is logged: identifiers, sizes, codes, paths, names of models. Never a
// prompt, an answer, a key, a header value or a body.
#pragma once

#include <string_view>

#include "base/json.h"

namespace confide::ops {

enum class LogLevel { debug, info, warning, error };

enum class LogFormat {
  text,  // 2026-11-22T05:00:00Z level text name=value ...
  json,  // {"time":"2026-11-22T05:00:00Z","level":"...","message":"text","name":value,...}
};

// Once, at start.
void start_logging(LogLevel least, LogFormat format = LogFormat::text);
void log(LogLevel level, std::string_view text);
// With the members of an object behind the text.
void log(LogLevel level, std::string_view text, const Json& fields);
inline void log_info(std::string_view text) { log(LogLevel::info, text); }
inline void log_warning(std::string_view text) { log(LogLevel::warning, text); }
inline void log_error(std::string_view text) { log(LogLevel::error, text); }

}  // namespace confide::ops
