// POST /v1/completions.
#include <limits>

#include <fmt/format.h>

#include "api/openai.h"
#include "api/openai_logprobs.h"
#include "api/openai_rules.h"
#include "api/prompts.h"
#include "api/try.h"

namespace confide::api {
namespace {

constexpr std::string_view kObject = "text_completion";
constexpr std::size_t kMaxPrompts = 64;
constexpr int kDefaultTokens = 16;  // as at OpenAI
constexpr std::int64_t kMaxLogprobs = 5;

ApiResult<std::vector<Prompt>> prompts(const Members& body) {
  const Json* member = body.given("prompt");
  auto out = member != nullptr ? read_prompts(*member, kMaxPrompts) : std::nullopt;
  if (out) return *std::move(out);
  return tl::unexpected(body.wrong(
      "prompt", fmt::format("a string, an array of token ids, or an array of up to {} of these",
                            kMaxPrompts)));
}

// `logprobs`, `best_of`, `echo` and `suffix`.
ApiResult<void> parse_variants(const Members& body, GenerationRequest& out) {
  API_TRY_ASSIGN(const auto logprobs, body.whole("logprobs", 0, kMaxLogprobs));
  out.logprobs = static_cast<int>(logprobs.value_or(-1));
  API_TRY_ASSIGN(const auto best_of, body.whole("best_of", 1, std::numeric_limits<int>::max()));
  if (best_of && *best_of != 1 && *best_of != out.n) {
    return tl::unexpected(invalid_request(
        "'best_of' with this value is not offered here: it must be 1 or equal to 'n'.", "best_of"));
  }
  API_TRY_ASSIGN(out.echo, body.boolean("echo", false));
  if (out.max_tokens == 0 && !(out.echo && out.logprobs >= 0)) {
    return tl::unexpected(
        body.wrong("max_tokens", "1 or more, unless 'echo' and 'logprobs' ask about the prompt"));
  }
  if (const Json* suffix = body.given("suffix")) {
    if (!suffix->is_string()) return tl::unexpected(body.wrong("suffix", "a string"));
    out.suffix = suffix->get<std::string>();
  }
  if (out.echo && !out.suffix.empty()) {
    return tl::unexpected(invalid_request("'echo' goes with no 'suffix'.", "echo"));
  }
  return {};
}

class CompletionShape final : public AnswerShape {
 public:
  CompletionShape(OpenaiAnswer answer, bool logprobs)
      : answer_(std::move(answer)), logprobs_(logprobs) {}

  Json whole(std::vector<ChoiceAnswer> choices, const engine::Usage& usage) override {
    Json out = openai_frame(answer_, kObject);
    out["choices"] = Json::array();
    for (std::size_t i = 0; i < choices.size(); ++i) {
      CompletionOffsets offsets;
      out["choices"].push_back(choice(i, std::move(choices[i].content), choices[i].tokens, offsets,
                                      to_string(choices[i].finish)));
    }
    out["usage"] = openai_usage(usage);
    return out;
  }

  StreamEvents begin(std::size_t choices) override {
    offsets_.resize(choices);
    return {};
  }
  StreamEvents add(std::size_t index, ChoiceDelta delta) override {
    return event(
        choice(index, std::move(delta.answer.content), delta.tokens, offsets_[index], nullptr));
  }
  StreamEvents end_choice(std::size_t index, engine::Finish finish) override {
    return event(choice(index, "", {}, offsets_[index], to_string(finish)));
  }
  StreamEvents end(const engine::Usage& usage) override {
    return openai_usage_event(answer_, kObject, usage);
  }
  StreamEvents fail(const ApiError& error) override { return openai_failure(error); }
  std::string_view terminator() const noexcept override { return kOpenaiDone; }

 private:
  static std::string_view to_string(engine::Finish finish) {
    return finish == engine::Finish::length ? "length" : "stop";
  }
  Json choice(std::size_t index, std::string text, const std::vector<engine::TokenReport>& tokens,
              CompletionOffsets& offsets, Json finish_reason) const {
    Json logprobs = logprobs_ ? completion_logprobs(tokens, offsets) : Json(nullptr);
    Json out = {{"index", index}};
    out["text"] = std::move(text);
    out["logprobs"] = std::move(logprobs);
    out["finish_reason"] = std::move(finish_reason);
    return out;
  }
  StreamEvents event(Json choice) const {
    StreamEvents out;
    out.push_back(
        {.name = "", .data = openai_chunk(answer_, kObject, Json::array({std::move(choice)}))});
    return out;
  }

  const OpenaiAnswer answer_;
  const bool logprobs_;
  std::vector<CompletionOffsets> offsets_;  // by choice
};

class CompletionsApi final : public GenerationApi {
 public:
  CompletionsApi()
      : GenerationApi({.path = "/v1/completions",
                       .id_prefix = "cmpl-",
                       .tool_call_prefix = "call_",
                       .prompt_member = "prompt",
                       .schema_member = "",
                       .sealed_fields = seal::Endpoint::completions}) {}

  ApiResult<ParsedRequest> parse(const Json& json) const override {
    const Members body(json);
    ParsedRequest out;
    GenerationRequest& request = out.generation;
    API_TRY(check_openai_members(body, OpenaiEndpoint::completions));
    API_TRY(parse_openai_common(body, request, /*least_tokens=*/0));
    if (!request.max_tokens) request.max_tokens = kDefaultTokens;
    API_TRY(parse_variants(body, request));
    API_TRY_ASSIGN(request.input, prompts(body));
    API_TRY_ASSIGN(const auto options, parse_stream_options(body, request.stream));
    request.even = options.include_obfuscation;
    out.make_shape = [include_usage = options.include_usage,
                      logprobs = request.logprobs >= 0](AnswerHead head) {
      return std::make_unique<CompletionShape>(
          OpenaiAnswer{.head = std::move(head), .include_usage = include_usage}, logprobs);
    };
    return out;
  }
};

}  // namespace

std::unique_ptr<const GenerationApi> openai_completions_api() {
  return std::make_unique<CompletionsApi>();
}

}  // namespace confide::api
