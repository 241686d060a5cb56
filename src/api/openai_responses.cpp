#include "api/openai_responses.h"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

#include "api/openai.h"
#include "api/openai_chat_parse.h"
#include "api/openai_rules.h"
#include "api/try.h"

namespace confide::api {
namespace {

constexpr std::int64_t kMaxTopLogprobs = 20;
constexpr std::string_view kIncludeLogprobs = "message.output_text.logprobs";

// What may be asked for beside the answer: log-probabilities. Encrypted reasoning is for services
// that keep none themselves and have something to hide from their callers; the reasoning is there.
ApiResult<bool> parse_include(const Members& body) {
  const Json* list = body.given("include");
  if (list == nullptr) return false;
  const auto known = [](const Json& entry) {
    return entry == kIncludeLogprobs || entry == "reasoning.encrypted_content";
  };
  if (!list->is_array() || !std::ranges::all_of(*list, known)) {
    return tl::unexpected(body.wrong(
        "include", fmt::format("an array of \"{}\" or nothing: others are not offered here",
                               kIncludeLogprobs)));
  }
  return std::ranges::count(*list, Json(kIncludeLogprobs)) > 0;
}

ApiResult<int> parse_logprobs(const Members& body) {
  API_TRY_ASSIGN(const bool included, parse_include(body));
  API_TRY_ASSIGN(const auto top, body.whole("top_logprobs", 0, kMaxTopLogprobs));
  const int count = static_cast<int>(top.value_or(0));
  return included || count > 0 ? count : -1;
}

ApiResult<std::string> parse_text_format(const Members& body) {
  API_TRY_ASSIGN(const auto text, body.object("text"));
  if (!text) return std::string();
  if (const Json* verbosity = text->given("verbosity"); verbosity && *verbosity != "medium") {
    return tl::unexpected(text->wrong("verbosity", "\"medium\": others are not offered here"));
  }
  return parse_format(*text, "format", FunctionForm::flat);
}

Json or_default(const Members& body, std::string_view name, Json otherwise) {
  const Json* value = body.given(name);
  return value != nullptr ? *value : std::move(otherwise);
}

// As OpenAI repeats it, with the defaults that were used.
Json echoed(const Members& body, const GenerationRequest& request) {
  const Json text = {{"format", {{"type", "text"}}}};
  return {{"instructions", or_default(body, "instructions", nullptr)},
          {"max_output_tokens", or_default(body, "max_output_tokens", nullptr)},
          {"metadata", or_default(body, "metadata", Json::object())},
          {"parallel_tool_calls", or_default(body, "parallel_tool_calls", true)},
          {"previous_response_id", nullptr},
          {"reasoning", or_default(body, "reasoning", {{"effort", nullptr}, {"summary", nullptr}})},
          {"store", false},
          {"background", false},
          {"temperature", request.temperature},
          {"text", or_default(body, "text", text)},
          {"tool_choice", or_default(body, "tool_choice", "auto")},
          {"tools", or_default(body, "tools", Json::array())},
          {"top_logprobs", std::max(request.logprobs, 0)},
          {"top_p", request.top_p},
          {"truncation", "disabled"},
          {"user", or_default(body, "user", nullptr)}};
}

class ResponsesApi final : public GenerationApi {
 public:
  ResponsesApi()
      : GenerationApi({.path = "/v1/responses",
                       .id_prefix = "resp_",
                       .tool_call_prefix = "call_",
                       .prompt_member = "input",
                       .schema_member = "text.format",
                       .sealed_fields = std::nullopt}) {}

  ApiResult<ParsedRequest> parse(const Json& json) const override {
    const Members body(json);
    ParsedRequest out;
    GenerationRequest& request = out.generation;
    API_TRY(check_openai_members(body, OpenaiEndpoint::responses));
    API_TRY(parse_openai_common(body, request));
    API_TRY_ASSIGN(const auto limit,
                   body.whole("max_output_tokens", 1, std::numeric_limits<int>::max()));
    if (limit) request.max_tokens = static_cast<int>(*limit);
    API_TRY_ASSIGN(request.logprobs, parse_logprobs(body));
    engine::Conversation conversation;
    API_TRY_ASSIGN(conversation.messages, parse_response_input(body));
    API_TRY(parse_tools(body, FunctionForm::flat, conversation));
    API_TRY_ASSIGN(conversation.answer_schema, parse_text_format(body));
    API_TRY_ASSIGN(const auto reasoning, body.object("reasoning"));
    if (reasoning) {
      API_TRY_ASSIGN(conversation.thinking, parse_effort(*reasoning, "effort"));
    }
    request.input = std::move(conversation);
    API_TRY_ASSIGN(const auto options, parse_stream_options(body, request.stream));
    request.even = options.include_obfuscation;
    out.make_shape = [echo = ResponseEcho{.members = echoed(body, request),
                                          .logprobs = request.logprobs >= 0}](AnswerHead head) {
      return make_response_shape(std::move(head), echo);
    };
    return out;
  }
};

}  // namespace

std::unique_ptr<const GenerationApi> openai_responses_api() {
  return std::make_unique<ResponsesApi>();
}

}  // namespace confide::api
