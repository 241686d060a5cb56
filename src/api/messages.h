// Anthropic's Messages API: how its requests are read and how its answers are written.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/generation_api.h"
#include "api/members.h"

namespace confide::api {

std::unique_ptr<const GenerationApi> messages_api();
// Answers with the number of the prompt's tokens.
std::unique_ptr<const GenerationApi> messages_count_api();

// Refuses a request that names no version of Anthropic's API, or one that is none.
ApiResult<void> check_anthropic_version(const net::Headers& headers);

// 1 to 128 letters, digits, '_' and '-'.
bool is_plain_name(std::string_view name);
// Refuses a member that is not among `names`, by its path, in Anthropic's words. A name that is not
// plain does not come back.
ApiResult<void> only(const Members& object, std::initializer_list<std::string_view> names);
// A member that must be there.
ApiError field_required(const Members& object, std::string_view name);
// `system` and `messages`. Consecutive messages of one role become one.
ApiResult<std::vector<engine::Message>> parse_conversation(const Members& body);
// `tools` and `tool_choice`. A choice of one tool leaves that one alone.
ApiResult<void> parse_messages_tools(const Members& body, engine::Conversation& out);
// `stops` as the request had them.
std::unique_ptr<AnswerShape> make_messages_shape(AnswerHead head, std::vector<std::string> stops);

}  // namespace confide::api
