// What people and programs get to see: findings on stderr, answers and JSON on stdout.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "client/terminal.h"
#include "commands.h"
#include "verify/verdict.h"

namespace confide::app {

// Colours and width of stderr: only on a terminal, and NO_COLOR is honoured.
client::Style stderr_style();

// One line on stderr, made safe for a terminal.
void say(std::string_view line);
// The same for a finished, already safe text of several lines.
void show(const std::string& text);
// Prints `confide: message` for input that cannot be used, as JSON too if that is asked for, and
// returns kExitUsage.
int unusable(const Error& error, bool json);

// Streams an answer to stdout; guarded if that is a terminal, else byte for byte.
class AnswerPrinter {
 public:
  AnswerPrinter();
  void write(std::string_view text);
  // Ends the last line.
  void finish();

 private:
  void put(std::string_view text);

  client::TerminalGuard guard_;
  bool guarded_;
  bool in_line_ = false;
};

// One document and a newline on stdout; on a terminal in ASCII alone, which no terminal obeys.
void print_json(const Json& document);

// What to do about `error`, or "": that a simulator's root must be named.
std::string hint_for(const TrustOptions& trust, const Error& error, const verify::Verdict& verdict);

// kExitUnavailable if nothing failed but the network or the service; kExitRefused otherwise.
int exit_code(const Error& error, const verify::Verdict& verdict);

// Prints the checks, the verdict and, if there is one, the error that no check shows.
// `proven` says what a pass proves.
void show_findings(const verify::Verdict& verdict, const Error* error, const std::string& hint,
                   std::string_view proven = "genuine Intel TDX hardware");
// The same on stdout as JSON if that is asked for; with a hint by hint_for().
void show_verdict(const TrustOptions& trust, bool json, const verify::Verdict& verdict,
                  const Error* error);
// The verdict's JSON form, with `error` and `hint` if there are any.
Json findings_json(const verify::Verdict& verdict, const Error* error, const std::string& hint);

}  // namespace confide::app
