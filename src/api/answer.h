// An answer in one API's form. Pure: no socket, no engine, no clock.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/errors.h"
#include "base/json.h"
#include "engine/engine.h"

namespace confide::api {

// What is the same in every part of one answer.
struct AnswerHead {
  std::string id;
  std::string model;
  std::string fingerprint;  // of model and engine
  std::int64_t created = 0;
  int prompt_tokens = 0;        // of all prompts
  std::string request_id = {};  // as the response's header has it
};

// What came on top of one choice.
struct ChoiceDelta {
  engine::AnswerDelta answer;
  std::vector<engine::TokenReport> tokens;  // if asked for
};

// One choice, whole.
struct ChoiceAnswer {
  std::string content;
  std::string reasoning;
  std::vector<engine::ToolCall> tool_calls;
  std::vector<engine::TokenReport> tokens;
  engine::Finish finish = engine::Finish::stop;  // or length
};

struct StreamEvent {
  std::string name;  // of the server-sent event; empty: it has none
  Json data;
};
using StreamEvents = std::vector<StreamEvent>;

// Writes one answer: either whole(), or begin(), then for each choice add() and end_choice() in any
// order among choices, then end(). Every call of a tool that comes in has an id. Made for one
// answer and used by one thread at a time.
class AnswerShape {
 public:
  virtual ~AnswerShape() = default;

  virtual Json whole(std::vector<ChoiceAnswer> choices, const engine::Usage& usage) = 0;

  virtual StreamEvents begin(std::size_t choices) = 0;
  virtual StreamEvents add(std::size_t choice, ChoiceDelta delta) = 0;
  virtual StreamEvents end_choice(std::size_t choice, engine::Finish finish) = 0;  // stop or length
  virtual StreamEvents end(const engine::Usage& usage) = 0;
  // In place of what is left of a stream that cannot go on.
  virtual StreamEvents fail(const ApiError& error) = 0;
  // The data of a last event that is no JSON and comes in any case; empty: there is none.
  virtual std::string_view terminator() const noexcept = 0;
};

}  // namespace confide::api
