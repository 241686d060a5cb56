// OpenAI's /v1/responses: how it is read and written.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/generation_api.h"
#include "api/members.h"

namespace confide::api {

std::unique_ptr<const GenerationApi> openai_responses_api();

// `instructions` and `input`, a text or items, as a conversation.
ApiResult<std::vector<engine::Message>> parse_response_input(const Members& body);

// What an answer repeats of its request, in the order in which OpenAI has it.
struct ResponseEcho {
  Json members;
  bool logprobs = false;
};
std::unique_ptr<AnswerShape> make_response_shape(AnswerHead head, ResponseEcho echo);

}  // namespace confide::api
