#include "client/terminal.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace confide::client {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::size_t kMaxIdColumn = 32;

constexpr std::string_view kGreen = "32";
constexpr std::string_view kRed = "1;31";
constexpr std::string_view kYellow = "1;33";
constexpr std::string_view kDim = "2";

struct Lead {
  std::size_t length = 0;  // of the whole sequence; 0: no sequence starts so
  std::uint32_t bits = 0;
  std::uint32_t least = 0;  // smaller values would be overlong
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1, byte, 0};
  if (byte >= 0xC2 && byte <= 0xDF) return {2, byte & 0x1FU, 0x80};
  if (byte >= 0xE0 && byte <= 0xEF) return {3, byte & 0x0FU, 0x800};
  if (byte >= 0xF0 && byte <= 0xF4) return {4, byte & 0x07U, 0x10000};
  return {};
}

bool is_scalar(std::uint32_t value, std::uint32_t least) {
  return value >= least && value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
}

bool is_unsafe(std::uint32_t c) {
  const bool control = c < 0x20 || (c >= 0x7F && c <= 0x9F);
  const bool separator = c == 0x2028 || c == 0x2029;
  const bool reorders = c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
                        (c >= 0x2066 && c <= 0x2069);
  return control || separator || reorders;
}

void write_safely(std::string& out, std::uint32_t c, std::string_view bytes, bool one_line) {
  if (!is_unsafe(c) || (!one_line && (c == '\n' || c == '\t'))) {
    out += bytes;
  } else if (c < 0x100) {
    out += fmt::format("\\x{:02x}", c);
  } else {
    out += fmt::format("\\u{{{:x}}}", c);
  }
}

// Takes whole characters off the front of `text` and returns them made safe; leaves behind what may
// still become one.
std::string take_safe(std::string_view& text, bool one_line) {
  std::string out;
  while (!text.empty()) {
    const Lead lead = lead_of(static_cast<unsigned char>(text.front()));
    std::uint32_t value = lead.bits;
    std::size_t n = 1;
    while (n < lead.length && n < text.size() &&
           (static_cast<unsigned char>(text[n]) & 0xC0U) == 0x80U) {
      value = (value << 6U) | (static_cast<unsigned char>(text[n]) & 0x3FU);
      ++n;
    }
    if (n == text.size() && n < lead.length) return out;
    if (lead.length == n && is_scalar(value, lead.least)) {
      write_safely(out, value, text.substr(0, n), one_line);
    } else {
      out += kReplacement;
    }
    text.remove_prefix(n);
  }
  return out;
}

std::string paint(std::string_view text, std::string_view code, const Style& style) {
  return style.colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

std::string mark(verify::CheckStatus status, const Style& style) {
  switch (status) {
    case verify::CheckStatus::pass:
      return paint("✓", kGreen, style);
    case verify::CheckStatus::fail:
      return paint("✗", kRed, style);
    case verify::CheckStatus::skip:
      return paint("-", kDim, style);
  }
  return "?";
}

// Details are ASCII but for what strangers put in; cutting between bytes is mended by printable().
std::string fitted(const std::string& detail, std::size_t room) {
  return detail.size() <= room ? printable(detail) : printable(detail.substr(0, room - 1)) + "…";
}

}  // namespace

std::string TerminalGuard::feed(std::string_view bytes) {
  pending_ += bytes;
  std::string_view rest = pending_;
  std::string out = take_safe(rest, /*one_line=*/false);
  pending_ = std::string(rest);
  return out;
}

std::string TerminalGuard::finish() {
  if (pending_.empty()) return "";
  pending_.clear();
  return std::string(kReplacement);
}

std::string printable(std::string_view text) {
  std::string out = take_safe(text, /*one_line=*/true);
  if (!text.empty()) out += kReplacement;
  return out;
}

std::string render_checks(const verify::Verdict& verdict, const Style& style) {
  std::size_t column = 0;
  for (const verify::Check& check : verdict.checks()) column = std::max(column, check.id.size());
  column = std::min(column, kMaxIdColumn);
  const std::size_t used = 2 + 1 + 1 + column + 2;

  std::string out;
  for (const verify::Check& check : verdict.checks()) {
    // What went wrong is never cut.
    const bool cut = check.status != verify::CheckStatus::fail && style.width > used + 8;
    const std::string detail =
        cut ? fitted(check.detail, style.width - used) : printable(check.detail);
    const bool failed = check.status == verify::CheckStatus::fail;
    out += fmt::format("  {} {:<{}}  {}\n", mark(check.status, style), printable(check.id), column,
                       paint(detail, failed ? kRed : kDim, style));
  }
  return out;
}

std::string render_verdict(const verify::Verdict& verdict, const Style& style,
                           std::string_view proven) {
  if (!verdict.passed()) {
    const verify::Check* failure = verdict.first_failure();
    const std::string why = failure == nullptr ? "nothing was checked"
                                               : printable(failure->id + ": " + failure->detail);
    return paint("NOT VERIFIED", kRed, style) + ": " + why + "\n";
  }
  if (verdict.simulated) {
    return paint("Verified: SIMULATED TEE - no hardware protects this", kYellow, style) + "\n";
  }
  return paint(fmt::format("Verified: {}", proven), kGreen, style) + "\n";
}

}  // namespace confide::client
