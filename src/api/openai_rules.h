// What becomes of each member of an OpenAI body. docs/api.md is the same in words.
#pragma once

#include "api/members.h"

namespace confide::api {

enum class OpenaiEndpoint { chat, completions, responses };

// Refuses a member that OpenAI does not know and we do not either, as OpenAI does, and one that we
// know but cannot honour unless its value asks for nothing: silence would be a lie.
ApiResult<void> check_openai_members(const Members& body, OpenaiEndpoint endpoint);

}  // namespace confide::api
