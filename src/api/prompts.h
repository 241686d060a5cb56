// What stands for texts in a request's body: strings and lists of token ids.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "api/generation_request.h"
#include "base/json.h"

namespace confide::api {

// A list of token ids, which may be empty; nothing if it is none. Whether a model has the tokens is
// for its engine to say.
std::optional<std::vector<engine::Token>> read_tokens(const Json& value);

// A string, a list of token ids that is not empty, or 1 to `most` of these; nothing if it is
// something else.
std::optional<std::vector<Prompt>> read_prompts(const Json& value, std::size_t most);

}  // namespace confide::api
