#include "api/trace_parent.h"

#include <algorithm>

#include "base/bytes.h"

namespace confide::api {
namespace {

constexpr std::size_t kSize = 55;  // 00-<32>-<16>-<2>

bool is_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

std::optional<TraceParent> parse_trace_parent(std::string_view header) {
  if (header.size() < kSize || header[2] != '-' || header[35] != '-' || header[52] != '-') {
    return std::nullopt;
  }
  const std::string_view version = header.substr(0, 2);
  const std::string_view trace = header.substr(3, 32);
  const std::string_view span = header.substr(36, 16);
  const std::string_view flags = header.substr(53, 2);
  for (const std::string_view part : {version, trace, span, flags}) {
    if (!is_hex(part)) return std::nullopt;
  }
  if (version == "ff" || is_zero(trace) || is_zero(span)) return std::nullopt;
  if (header.size() > kSize && (version == "00" || header[kSize] != '-')) return std::nullopt;
  const auto bits = from_hex_array<1>(flags);
  return TraceParent{.trace_id = std::string(trace),
                     .span_id = std::string(span),
                     .sampled = bits && ((*bits)[0] & 1U) != 0};
}

}  // namespace confide::api
