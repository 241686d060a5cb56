// Text from strangers on a person's terminal, and verdicts as people read them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "verify/verdict.h"

namespace confide::client {

// Makes streamed text safe to show: control characters (but newline and tab), escape sequences and
// the characters that reorder text are written out as \x1b or \u{202e}; bytes that are no UTF-8
// become U+FFFD. Pieces may end anywhere.
class TerminalGuard {
 public:
  std::string feed(std::string_view bytes);
  // What was held back of a character that never ended.
  std::string finish();

 private:
  std::string pending_;
};

// The same for a value shown within one line: newline and tab are written out too.
std::string printable(std::string_view text);

struct Style {
  bool colour = false;
  std::size_t width = 0;  // columns; longer details of passed checks are cut. 0: no limit
};

// One line a check: mark, id, detail; aligned.
std::string render_checks(const verify::Verdict& verdict, const Style& style);

// One line. `proven` says what a pass proves. Says so if the TEE is simulated, and which check
// failed if one did.
std::string render_verdict(const verify::Verdict& verdict, const Style& style,
                           std::string_view proven);

}  // namespace confide::client
