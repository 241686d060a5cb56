// The conversation in a chat completion's body, as native types.
#pragma once

#include "api/generation_request.h"
#include "api/members.h"

namespace confide::api {

// `messages`. Content is text; whatever else a model might take is refused by its path.
ApiResult<std::vector<engine::Message>> parse_messages(const Members& body);

// `tools`, `tool_choice`, `parallel_tool_calls`: sets those members of `out`. Where the choice
// names tools, the others are left out.
ApiResult<void> parse_tools(const Members& body, engine::Conversation& out);

// `response_format` as a JSON schema; empty if any text will do.
ApiResult<std::string> parse_response_format(const Members& body);

// `reasoning_effort` and `chat_template_kwargs`: whether the model may think.
ApiResult<bool> parse_thinking(const Members& body);

}  // namespace confide::api
