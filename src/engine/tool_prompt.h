// Tools for models whose template knows none: told of in words, called in tags.
#pragma once

#include <chat.h>

#include "base/result.h"
#include "engine/engine.h"

namespace confide::engine {

// The conversation in plain messages: tools told of by the system, calls and their answers written
// out. Fails with `malformed` on parameters that are no JSON object.
Result<Conversation> in_plain_words(Conversation conversation);

// The answers to that. `plain`: llama.cpp's terms for the conversation in plain words.
// `conversation`: with tools and schema fit for llama.cpp. Fails with `malformed` on what llama.cpp
// refuses.
Result<common_chat_params> with_plain_calls(common_chat_params plain,
                                            const Conversation& conversation);

}  // namespace confide::engine
