// The conversation in a chat completion's body, as native types.
#pragma once

#include "api/generation_request.h"
#include "api/members.h"

namespace confide::api {

// `messages`. Content is text; whatever else a model might take is refused by its path.
ApiResult<std::vector<engine::Message>> parse_messages(const Members& body);

// Where a function's members stand: below `function`, or beside `type` as in /v1/responses.
enum class FunctionForm { nested, flat };

// `tools`, `tool_choice`, `parallel_tool_calls`: sets those members of `out`. Where the choice
// names tools, the others are left out.
ApiResult<void> parse_tools(const Members& body, FunctionForm form, engine::Conversation& out);

// The form of the answer under `name`, as a JSON schema; empty if any text will do. A schema stands
// below `json_schema`, or beside `type`.
ApiResult<std::string> parse_format(const Members& body, std::string_view name, FunctionForm form);

// An effort under `name`: whether the model may think.
ApiResult<bool> parse_effort(const Members& body, std::string_view name);

// `reasoning_effort` and `chat_template_kwargs`: the same.
ApiResult<bool> parse_thinking(const Members& body);

}  // namespace confide::api
