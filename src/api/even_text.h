// What a streamed answer's chunks tell an eavesdropper: from the lengths of single tokens much of a
// text can be guessed, though all of it is encrypted. docs/protocols/e2ee.md, E13.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace confide::api {

// Cuts text into pieces of one size, whatever tokens it came in.
class EvenText {
 public:
  static constexpr std::size_t kPieceBytes = 16;

  // What may go now. The very first text, if it is short, goes as it came, since somebody waits for
  // it; then only whole pieces do, each cut before the character that no longer fits. `last`: and
  // the rest.
  std::vector<std::string> push(std::string_view text, bool last);

 private:
  std::string held_;
  bool begun_ = false;
};

// Gives an event the member `obfuscation` (OpenAI's name for it), so long that the event's JSON
// text has a multiple of 256 bytes. What is no object is left alone.
void pad_event(Json& data);

}  // namespace confide::api
