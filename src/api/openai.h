// OpenAI's request and answer shapes, as native types. Pure: no socket, no engine, no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "api/errors.h"
#include "base/json.h"
#include "engine/engine.h"
#include "seal/e2ee.h"

namespace confide::api {

using seal::Endpoint;

struct GenerationRequest {
  Endpoint endpoint = Endpoint::chat_completions;
  std::string model;
  std::vector<engine::Message> messages;                         // chat
  std::variant<std::string, std::vector<engine::Token>> prompt;  // completions
  double temperature = 1.0;
  double top_p = 1.0;
  double presence_penalty = 0.0;
  double frequency_penalty = 0.0;
  std::optional<std::uint32_t> seed;
  std::optional<int> max_tokens;
  std::vector<std::string> stop;
  bool stream = false;
  bool include_usage = false;
};

// Checks every member it uses: a wrong type or range is a 400 that names the member. What we do not
// offer (tools, n > 1, logprobs, images, ...) is refused by name, never ignored.
ApiResult<GenerationRequest> parse_generation(const Json& body, Endpoint endpoint);

// The ACI constraints in `provider`, contract 1.6.
struct Constraints {
  bool session_ids = false;  // a list was given: a direct service has none
  bool present = false;      // an aci_ member was there and must be removed before inference
};
ApiResult<Constraints> parse_constraints(const Json& body);
// Removes them; an emptied `provider` goes too.
void strip_constraints(Json& body);

// Who answers, the same in every part of one answer.
struct AnswerHead {
  Endpoint endpoint = Endpoint::chat_completions;
  std::string id;
  std::string model;
  std::string fingerprint;  // of model and engine
  std::int64_t created = 0;
  bool include_usage = false;  // streams: every chunk has the member, the last one its value
};

std::string_view to_string(engine::Finish finish) noexcept;

Json full_answer(const AnswerHead& head, std::string text, engine::Finish finish,
                 engine::Usage usage);
Json first_chunk(const AnswerHead& head);
Json text_chunk(const AnswerHead& head, std::string text);
Json last_chunk(const AnswerHead& head, engine::Finish finish);
Json usage_chunk(const AnswerHead& head, engine::Usage usage);

}  // namespace confide::api
