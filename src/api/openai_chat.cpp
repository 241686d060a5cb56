// POST /v1/chat/completions.
#include "api/openai.h"
#include "api/openai_chat_parse.h"
#include "api/openai_logprobs.h"
#include "api/openai_rules.h"
#include "api/try.h"

namespace confide::api {
namespace {

constexpr std::int64_t kMaxTopLogprobs = 20;
constexpr std::string_view kChunk = "chat.completion.chunk";

// `logprobs` and `top_logprobs` as the engine counts them.
ApiResult<int> parse_logprobs(const Members& body) {
  API_TRY_ASSIGN(const bool wanted, body.boolean("logprobs", false));
  API_TRY_ASSIGN(const auto top, body.whole("top_logprobs", 0, kMaxTopLogprobs));
  if (top.value_or(0) > 0 && !wanted) {
    return tl::unexpected(
        invalid_request("'top_logprobs' needs 'logprobs' to be true.", "top_logprobs"));
  }
  return wanted ? static_cast<int>(top.value_or(0)) : -1;
}

Json tool_call_json(std::string_view id, std::string_view name, std::string_view arguments) {
  Json out = Json::object();
  if (!id.empty()) out["id"] = id;
  if (!id.empty()) out["type"] = "function";
  out["function"] = Json::object();
  if (!name.empty()) out["function"]["name"] = name;
  out["function"]["arguments"] = arguments;
  return out;
}

// Two names are in use for it.
void set_reasoning(Json& message, const std::string& reasoning) {
  if (reasoning.empty()) return;
  message["reasoning"] = reasoning;
  message["reasoning_content"] = reasoning;
}

std::string_view finish_name(engine::Finish finish, bool called) {
  if (finish == engine::Finish::length) return "length";
  return called ? "tool_calls" : "stop";
}

Json choice_json(std::size_t index, std::string_view member, Json value, Json logprobs,
                 Json finish_reason) {
  Json out = {{"index", index}};
  out[std::string(member)] = std::move(value);
  out["logprobs"] = std::move(logprobs);
  out["finish_reason"] = std::move(finish_reason);
  return out;
}

class ChatShape final : public AnswerShape {
 public:
  ChatShape(OpenaiAnswer answer, bool logprobs) : answer_(std::move(answer)), logprobs_(logprobs) {}

  Json whole(std::vector<ChoiceAnswer> choices, const engine::Usage& usage) override {
    Json out = openai_frame(answer_, "chat.completion");
    out["choices"] = Json::array();
    for (std::size_t i = 0; i < choices.size(); ++i) {
      ChoiceAnswer& choice = choices[i];
      const bool called = !choice.tool_calls.empty();
      Json message = {{"role", "assistant"}};
      message["content"] =
          called && choice.content.empty() ? Json(nullptr) : Json(std::move(choice.content));
      message["refusal"] = nullptr;
      set_reasoning(message, choice.reasoning);
      for (const engine::ToolCall& call : choice.tool_calls) {
        message["tool_calls"].push_back(tool_call_json(call.id, call.name, call.arguments));
      }
      out["choices"].push_back(choice_json(i, "message", std::move(message),
                                           logprobs(choice.tokens),
                                           finish_name(choice.finish, called)));
    }
    out["usage"] = openai_usage(usage);
    return out;
  }

  StreamEvents begin(std::size_t choices) override {
    called_.resize(choices);
    StreamEvents out;
    for (std::size_t i = 0; i < choices; ++i) {
      out.push_back(event(i, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr));
    }
    return out;
  }

  StreamEvents add(std::size_t choice, ChoiceDelta delta) override {
    Json message = Json::object();
    set_reasoning(message, delta.answer.reasoning);
    if (!delta.answer.content.empty()) message["content"] = std::move(delta.answer.content);
    for (const engine::ToolCallDelta& call : delta.answer.tool_calls) {
      called_[choice] = true;
      Json piece = {{"index", call.index}};
      piece.update(tool_call_json(call.id, call.name, call.arguments));
      message["tool_calls"].push_back(std::move(piece));
    }
    StreamEvents out;
    out.push_back(event(choice, std::move(message), logprobs(delta.tokens), nullptr));
    return out;
  }

  StreamEvents end_choice(std::size_t choice, engine::Finish finish) override {
    StreamEvents out;
    out.push_back(event(choice, Json::object(), nullptr, finish_name(finish, called_[choice])));
    return out;
  }
  StreamEvents end(const engine::Usage& usage) override {
    return openai_usage_event(answer_, kChunk, usage);
  }
  StreamEvents fail(const ApiError& error) override { return openai_failure(error); }
  std::string_view terminator() const noexcept override { return kOpenaiDone; }

 private:
  Json logprobs(const std::vector<engine::TokenReport>& tokens) const {
    return logprobs_ ? chat_logprobs(tokens) : Json(nullptr);
  }
  StreamEvent event(std::size_t choice, Json delta, Json logprobs, Json finish_reason) const {
    Json choices = Json::array({choice_json(choice, "delta", std::move(delta), std::move(logprobs),
                                            std::move(finish_reason))});
    return {.name = "", .data = openai_chunk(answer_, kChunk, std::move(choices))};
  }

  const OpenaiAnswer answer_;
  const bool logprobs_;
  std::vector<bool> called_;  // a tool, by choice
};

class ChatApi final : public GenerationApi {
 public:
  ChatApi()
      : GenerationApi({.path = "/v1/chat/completions",
                       .id_prefix = "chatcmpl-",
                       .tool_call_prefix = "call_",
                       .prompt_member = "messages",
                       .schema_member = "response_format",
                       .sealed_fields = seal::Endpoint::chat_completions}) {}

  ApiResult<ParsedRequest> parse(const Json& json) const override {
    const Members body(json);
    ParsedRequest out;
    GenerationRequest& request = out.generation;
    API_TRY(check_openai_members(body, OpenaiEndpoint::chat));
    API_TRY(parse_openai_common(body, request));
    API_TRY_ASSIGN(request.logprobs, parse_logprobs(body));
    engine::Conversation conversation;
    API_TRY_ASSIGN(conversation.messages, parse_messages(body));
    API_TRY(parse_tools(body, FunctionForm::nested, conversation));
    API_TRY_ASSIGN(conversation.answer_schema,
                   parse_format(body, "response_format", FunctionForm::nested));
    API_TRY_ASSIGN(conversation.thinking, parse_thinking(body));
    request.input = std::move(conversation);
    API_TRY_ASSIGN(const auto options, parse_stream_options(body, request.stream));
    request.even = options.include_obfuscation;
    out.make_shape = [include_usage = options.include_usage,
                      logprobs = request.logprobs >= 0](AnswerHead head) {
      return std::make_unique<ChatShape>(
          OpenaiAnswer{.head = std::move(head), .include_usage = include_usage}, logprobs);
    };
    return out;
  }
};

}  // namespace

std::unique_ptr<const GenerationApi> openai_chat_api() { return std::make_unique<ChatApi>(); }

}  // namespace confide::api
