// The header that ties a request to its caller's trace. W3C Trace Context, section 3.2.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace confide::api {

struct TraceParent {
  std::string trace_id;  // 32 lower-case hex digits, not all zero
  std::string span_id;   // 16, not all zero
  bool sampled = false;
};

// Version 00 exactly as it is specified; of later versions the part that is known. Nothing for
// anything else: the trace then starts with us.
std::optional<TraceParent> parse_trace_parent(std::string_view header);

}  // namespace confide::api
