// Holds back what tells a client that a streamed answer is complete, until the receipt has been
// verified. A client of an answer that fails it sees a stream that broke off, never a whole one.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace confide::client {

class StreamGate {
 public:
  // What may be handed on of what has come: whole lines, up to the one that ends the answer
  // (OpenAI's `data: [DONE]` and `event: response.completed`, `.incomplete` or `.failed`,
  // Anthropic's `event: message_stop`), or begins like it. Fails with `limit` if more than 1 MiB
  // follows that.
  Result<std::string> feed(std::string_view bytes);
  // The rest, once the answer is verified.
  std::string release();

 private:
  std::string held_;        // from the last line that began, or from the end of the answer
  bool ended_ = false;      // the end of the answer has been seen
  bool long_line_ = false;  // the present line is too long to be the end, and not held
};

}  // namespace confide::client
