#include "api/openai_rules.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

namespace confide::api {
namespace {

constexpr std::size_t kMaxNameShown = 64;

// Read by a parser, or fit to be passed over: they say nothing about the answer.
constexpr auto kAll =
    std::to_array<std::string_view>({"model", "temperature", "top_p", "top_k", "stream",
                                     "stream_options", "cache_salt", "prompt_cache_key",
                                     // passed over
                                     "user", "metadata", "service_tier", "provider"});
constexpr auto kChat = std::to_array<std::string_view>(
    {"messages", "n", "stop", "seed", "presence_penalty", "frequency_penalty", "logit_bias",
     "logprobs", "top_logprobs", "max_tokens", "max_completion_tokens", "response_format", "tools",
     "tool_choice", "parallel_tool_calls", "reasoning_effort", "chat_template_kwargs",
     // passed over
     "safety_identifier", "prompt_cache_retention", "prompt_cache_options", "moderation"});
constexpr auto kCompletions = std::to_array<std::string_view>(
    {"prompt", "n", "stop", "seed", "presence_penalty", "frequency_penalty", "logit_bias",
     "logprobs", "max_tokens", "echo", "best_of", "suffix"});
constexpr auto kResponses = std::to_array<std::string_view>(
    {"input", "instructions", "max_output_tokens", "text", "tools", "tool_choice",
     "parallel_tool_calls", "reasoning", "include", "top_logprobs",
     // passed over
     "safety_identifier", "prompt_cache_retention", "prompt_cache_options", "moderation"});

struct Refusal {
  std::string_view name;
  std::string_view harmless;  // JSON values that ask for nothing, separated by '|'; or none
  std::string_view reason;
};

constexpr std::string_view kNotSampled = "the sampler has no such step";
constexpr std::string_view kOwnGrammar = "use 'response_format' with a JSON schema";
constexpr std::string_view kOwnTemplate = "the model's own chat template is used as it is";

constexpr auto kRefusals = std::to_array<Refusal>({
    // OpenAI's
    {"functions", "[]", "use 'tools'"},
    {"function_call", "\"none\"|\"auto\"", "use 'tool_choice'"},
    {"store", "false", "nothing is kept here"},
    {"modalities", "[\"text\"]", "answers are text"},
    {"audio", "", "answers are text"},
    {"prediction", "", "there is no speculation on a predicted text"},
    {"web_search_options", "", "this service reaches no network"},
    {"verbosity", "\"medium\"", "ask for a short or long answer in a message"},
    // of vLLM, llama.cpp and others
    {"min_p", "0", kNotSampled},
    {"typical_p", "1", kNotSampled},
    {"top_a", "0", kNotSampled},
    {"repetition_penalty", "1", "use 'frequency_penalty' or 'presence_penalty'"},
    {"repeat_penalty", "1", "use 'frequency_penalty' or 'presence_penalty'"},
    {"length_penalty", "1", "there is no beam search"},
    {"use_beam_search", "false", "there is no beam search"},
    {"mirostat", "0", kNotSampled},
    {"min_tokens", "0", "the model ends its answer where it does"},
    {"ignore_eos", "false", "the model ends its answer where it does"},
    {"stop_token_ids", "[]", "use 'stop'"},
    {"include_stop_str_in_output", "false", "a stop string never shows"},
    {"bad_words", "[]", "use 'logit_bias'"},
    {"prompt_logprobs", "0", "use 'echo' and 'logprobs' of completions"},
    {"guided_json", "", kOwnGrammar},
    {"guided_regex", "", kOwnGrammar},
    {"guided_choice", "", kOwnGrammar},
    {"guided_grammar", "", kOwnGrammar},
    {"structured_outputs", "", kOwnGrammar},
    {"grammar", "\"\"", kOwnGrammar},
    {"json_schema", "", kOwnGrammar},
    {"chat_template", "", kOwnTemplate},
    {"add_generation_prompt", "true", kOwnTemplate},
    {"continue_final_message", "false", kOwnTemplate},
    {"skip_special_tokens", "true", "control tokens never show"},
    {"cache_prompt", "true", "send no credential and no 'cache_salt': then nothing is kept"},
    {"include_reasoning", "true", "it is a member of its own, for you to pass over"},
});

// The other endpoint's, so that whoever mixes them up is told so.
constexpr auto kNotInChat = std::to_array<Refusal>({{"best_of", "1", "use 'n'"},
                                                    {"echo", "false", "it is for completions"},
                                                    {"suffix", "\"\"", "it is for completions"}});
constexpr auto kNotInCompletions =
    std::to_array<Refusal>({{"response_format", R"({"type":"text"})", "it is for chat completions"},
                            {"tools", "[]", "they are for chat completions"},
                            {"max_completion_tokens", "", "use 'max_tokens'"}});
constexpr auto kNotInResponses = std::to_array<Refusal>(
    {{"previous_response_id", "", "nothing is kept here: send the items again"},
     {"conversation", "", "nothing is kept here: send the items again"},
     {"background", "false", "nothing is kept here"},
     {"truncation", "\"disabled\"", "what is too long is refused"},
     {"prompt", "", "there are no stored prompts"},
     {"max_tool_calls", "", "tools are yours to call"},
     {"context_management", "", "nothing is kept here"},
     {"messages", "", "use 'input'"},
     {"max_tokens", "", "use 'max_output_tokens'"},
     {"response_format", R"({"type":"text"})", "use 'text'"}});

struct Lists {
  std::span<const std::string_view> taken;
  std::span<const Refusal> refused;
};

Lists lists_of(OpenaiEndpoint endpoint) {
  switch (endpoint) {
    case OpenaiEndpoint::chat:
      return {kChat, kNotInChat};
    case OpenaiEndpoint::completions:
      return {kCompletions, kNotInCompletions};
    case OpenaiEndpoint::responses:
      return {kResponses, kNotInResponses};
  }
  return {};
}

bool is_harmless(const Json& value, std::string_view harmless) {
  while (!harmless.empty()) {
    const std::size_t bar = std::min(harmless.find('|'), harmless.size());
    const auto allowed = json::parse(harmless.substr(0, bar));
    if (allowed && *allowed == value) return true;
    harmless.remove_prefix(std::min(bar + 1, harmless.size()));
  }
  return false;
}

const Refusal* find_refusal(std::span<const Refusal> list, std::string_view name) {
  const auto found = std::ranges::find(list, name, &Refusal::name);
  return found == list.end() ? nullptr : &*found;
}

// Shown only if it is a name: whatever else was sent does not come back.
ApiError unrecognized(const std::string& name) {
  const bool plain = name.size() <= kMaxNameShown && std::ranges::all_of(name, [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
                     });
  if (!plain) return invalid_request("Unrecognized request argument supplied.");
  return invalid_request(fmt::format("Unrecognized request argument supplied: {}", name), name);
}

}  // namespace

ApiResult<void> check_openai_members(const Members& body, OpenaiEndpoint endpoint) {
  const Lists lists = lists_of(endpoint);
  for (const auto& [name, value] : body.json().items()) {
    if (std::ranges::count(kAll, name) > 0 || std::ranges::count(lists.taken, name) > 0) continue;
    const Refusal* refusal = find_refusal(kRefusals, name);
    if (refusal == nullptr) refusal = find_refusal(lists.refused, name);
    if (refusal == nullptr) return tl::unexpected(unrecognized(name));
    if (value.is_null() || is_harmless(value, refusal->harmless)) continue;
    return tl::unexpected(invalid_request(
        fmt::format("'{}' with this value is not offered here: {}.", name, refusal->reason), name));
  }
  return {};
}

}  // namespace confide::api
