// OpenAI's chat completions and completions: how they are read and written.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/generation_api.h"
#include "api/members.h"

namespace confide::api {

std::unique_ptr<const GenerationApi> openai_chat_api();
std::unique_ptr<const GenerationApi> openai_completions_api();

// What both have in common: everything but the prompt and the form of the answer. `least_tokens`:
// how few an answer may be limited to.
ApiResult<void> parse_openai_common(const Members& body, GenerationRequest& out,
                                    std::int64_t least_tokens = 1);
// `stream_options`, which only streams may have.
struct OpenaiStreamOptions {
  bool include_usage = false;
  std::optional<bool> include_obfuscation;
};
ApiResult<OpenaiStreamOptions> parse_stream_options(const Members& body, bool stream);

// How both write an answer.
struct OpenaiAnswer {
  AnswerHead head;
  bool include_usage = false;  // streams: every chunk has the member, the last one its value
};
Json openai_frame(const OpenaiAnswer& answer, std::string_view object);
Json openai_chunk(const OpenaiAnswer& answer, std::string_view object, Json choices);
// A last chunk with the usage, if it was asked for.
StreamEvents openai_usage_event(const OpenaiAnswer& answer, std::string_view object,
                                const engine::Usage& usage);
Json openai_usage(const engine::Usage& usage);
StreamEvents openai_failure(const ApiError& error);
inline constexpr std::string_view kOpenaiDone = "[DONE]";

}  // namespace confide::api
