// Logging to stderr. What is logged: identifiers, sizes, codes, paths, names of models. Never a
// prompt, an answer, a key, a header value or a body.
#pragma once

#include <string_view>

namespace confide::ops {

enum class LogLevel { debug, info, warning, error };

// Once, at start. Lines are `2026-11-22T05:00:00Z level text`.
void start_logging(LogLevel least);
void log(LogLevel level, std::string_view text);
inline void log_info(std::string_view text) { log(LogLevel::info, text); }
inline void log_warning(std::string_view text) { log(LogLevel::warning, text); }
inline void log_error(std::string_view text) { log(LogLevel::error, text); }

}  // namespace confide::ops
