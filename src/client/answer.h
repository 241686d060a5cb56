// Reads a streamed answer as it arrives: cuts it into events, opens each if it is sealed, hands the
// text on.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "net/sse.h"

namespace confide::client {

struct Answer {
  std::string raw;            // every byte of the stream
  std::string text;           // of choice 0
  std::string finish_reason;  // of choice 0
  Json usage;                 // null if the stream named none
};

class AnswerReader {
 public:
  using OnText = std::function<void(std::string_view)>;
  using OpenChunk =
      std::function<Status(Json& chunk)>;  // unseals its fields; empty: there are none

  // The last two must outlive the reader.
  AnswerReader(OpenChunk open_chunk, const OnText& on_text, Answer& answer);
  AnswerReader(const AnswerReader&) = delete;
  AnswerReader& operator=(const AnswerReader&) = delete;

  // After the first failure bytes are still kept, but nothing more is opened or handed on.
  void feed(std::string_view bytes);
  // Fails with what went wrong first: `malformed` for a broken or unterminated stream or a clear
  // field, `bad_signature` if a chunk does not open, `unavailable` for an error event.
  Status finish() const;

 private:
  Status take(std::string_view data);
  void take_choice(const Json& choice);

  OpenChunk open_chunk_;
  const OnText& on_text_;
  Answer& answer_;
  net::SseParser parser_;
  Status status_;
};

// The `error.message` of an OpenAI-shaped error body, cut to a readable length; "" if there is
// none.
std::string error_message(const Json& body);

}  // namespace confide::client
