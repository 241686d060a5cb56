// Reports on tokens as OpenAI's two older APIs write them.
#pragma once

#include <vector>

#include "base/json.h"
#include "engine/engine.h"

namespace confide::api {

// {"content":[{token, logprob, bytes, top_logprobs}],"refusal":null}. A token that is not whole
// characters has its odd bytes as \xNN in `token`; `bytes` always has them as they are.
Json chat_logprobs(const std::vector<engine::TokenReport>& tokens);

// Where the next token of a choice begins, in characters of its text.
struct CompletionOffsets {
  std::size_t next = 0;
};
// {"tokens","token_logprobs","top_logprobs","text_offset"}, the same for odd bytes.
Json completion_logprobs(const std::vector<engine::TokenReport>& tokens,
                         CompletionOffsets& offsets);

}  // namespace confide::api
