#include "output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

namespace confide::app {
namespace {

void put(std::FILE* to, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), to);
  std::fflush(to);
}

}  // namespace

client::Style stderr_style() {
  client::Style style;
  if (::isatty(STDERR_FILENO) == 0) return style;
  const char* no_color = std::getenv("NO_COLOR");
  style.colour = no_color == nullptr || *no_color == '\0';
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0) style.width = size.ws_col;
  return style;
}

void say(std::string_view line) { put(stderr, client::printable(line) + "\n"); }

void show(const std::string& text) { put(stderr, text); }

int unusable(const Error& error, bool json) {
  say("confide: " + error.message);
  if (json) print_json(findings_json({}, &error, ""));
  return kExitUsage;
}

AnswerPrinter::AnswerPrinter() : guarded_(::isatty(STDOUT_FILENO) != 0) {}

void AnswerPrinter::write(std::string_view text) {
  if (guarded_) {
    put(guard_.feed(text));
  } else {
    put(text);
  }
}

void AnswerPrinter::finish() {
  put(guard_.finish());
  if (in_line_) put("\n");
}

void AnswerPrinter::put(std::string_view text) {
  if (text.empty()) return;
  app::put(stdout, text);
  in_line_ = text.back() != '\n';
}

void print_json(const Json& document) {
  // Strings that are no UTF-8 must not end the program: they are shown with replacements.
  const bool ascii = ::isatty(STDOUT_FILENO) != 0;
  put(stdout, document.dump(2, ' ', ascii, Json::error_handler_t::replace) + "\n");
}

std::string hint_for(const TrustOptions& trust, const Error& error,
                     const verify::Verdict& verdict) {
  const verify::Check* failure = verdict.first_failure();
  if (!trust.none() || error.code != Errc::untrusted || failure == nullptr) return "";
  constexpr std::array<std::string_view, 5> kHardware{"tdx.", "sgx.", "snp.", "gpu.", "rim."};
  if (std::ranges::none_of(kHardware, [&](auto kind) { return failure->id.starts_with(kind); })) {
    return "";
  }
  return "only the hardware vendors' own roots are trusted; a simulated TEE is accepted only if "
         "its root is named: --trust-root sim-root.pem";
}

int exit_code(const Error& error, const verify::Verdict& verdict) {
  if (verdict.first_failure() != nullptr) return kExitRefused;
  return error.code == Errc::unavailable ? kExitUnavailable : kExitRefused;
}

void show_findings(const verify::Verdict& verdict, const Error* error, const std::string& hint,
                   std::string_view proven) {
  const client::Style style = stderr_style();
  show(client::render_checks(verdict, style));
  if (!verdict.checks().empty()) show(client::render_verdict(verdict, style, proven));
  if (error != nullptr && verdict.first_failure() == nullptr) say("confide: " + error->message);
  if (!hint.empty()) say("hint: " + hint);
}

Json findings_json(const verify::Verdict& verdict, const Error* error, const std::string& hint) {
  Json document = verdict.to_json();
  if (error != nullptr) {
    document["verdict"] = "fail";
    document["error"] = error->message;
  }
  if (!hint.empty()) document["hint"] = hint;
  return document;
}

void show_verdict(const TrustOptions& trust, bool json, const verify::Verdict& verdict,
                  const Error* error) {
  const std::string hint = error == nullptr ? "" : hint_for(trust, *error, verdict);
  if (json) {
    print_json(findings_json(verdict, error, hint));
  } else {
    show_findings(verdict, error, hint);
  }
}

}  // namespace confide::app
