// POST /v1/chat/completions.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "api/openai.h"
#include "api/openai_logprobs.h"
#include "api/try.h"

namespace confide::api {
namespace {

constexpr std::size_t kMaxMessages = 4096;
constexpr std::string_view kChunk = "chat.completion.chunk";

// Text of one message: a string, an array of text parts, or (assistant only) nothing.
ApiResult<std::string> content_text(const Json& message, std::string_view role,
                                    const std::string& where) {
  const Json* content = Members(message).given("content");
  if (content == nullptr) {
    if (role == "assistant") return std::string();
    return tl::unexpected(invalid_request("Each message needs 'content'.", where));
  }
  if (content->is_string()) return content->get<std::string>();
  if (!content->is_array()) {
    return tl::unexpected(
        invalid_request("'content' must be a string or an array of content parts.", where));
  }
  std::string text;
  for (const Json& part : *content) {
    const Json* type = json::find(part, "type");
    const Json* piece = json::find(part, "text");
    if (type == nullptr || *type != "text" || piece == nullptr || !piece->is_string()) {
      return tl::unexpected(
          invalid_request("This model takes text only: content parts must be "
                          "{\"type\":\"text\",\"text\":\"...\"}.",
                          where));
    }
    text += piece->get_ref<const std::string&>();
  }
  return text;
}

ApiResult<std::vector<engine::Message>> messages(const Members& body) {
  constexpr std::array<std::string_view, 5> kRoles = {"system", "developer", "user", "assistant",
                                                      "tool"};
  const Json* list = body.given("messages");
  if (list == nullptr || !list->is_array() || list->empty() || list->size() > kMaxMessages) {
    return tl::unexpected(
        body.wrong("messages", fmt::format("an array of 1 to {} messages", kMaxMessages)));
  }
  std::vector<engine::Message> out;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string where = fmt::format("messages.{}", i);
    const Json& message = (*list)[i];
    const Json* role = json::find(message, "role");
    if (role == nullptr || !role->is_string() ||
        std::ranges::find(kRoles, role->get_ref<const std::string&>()) == kRoles.end()) {
      return tl::unexpected(invalid_request(
          "Each message needs a 'role': system, developer, user, assistant or tool.", where));
    }
    if (const Json* calls = Members(message).given("tool_calls");
        calls != nullptr && !calls->empty()) {
      return tl::unexpected(invalid_request("Tool calls are not offered here.", where));
    }
    auto name = role->get<std::string>();
    API_TRY_ASSIGN(auto text, content_text(message, name, where + ".content"));
    out.push_back({.role = std::move(name), .content = std::move(text)});
  }
  return out;
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
                       .sealed_fields = seal::Endpoint::chat_completions}) {}

  ApiResult<ParsedRequest> parse(const Json& json) const override {
    const Members body(json);
    ParsedRequest out;
    GenerationRequest& request = out.generation;
    API_TRY(parse_openai_common(body, request));
    API_TRY_ASSIGN(auto conversation, messages(body));
    request.input = engine::Conversation{.messages = std::move(conversation)};
    API_TRY_ASSIGN(const bool include_usage, parse_include_usage(body, request.stream));
    out.make_shape = [include_usage, logprobs = request.logprobs >= 0](AnswerHead head) {
      return std::make_unique<ChatShape>(
          OpenaiAnswer{.head = std::move(head), .include_usage = include_usage}, logprobs);
    };
    return out;
  }

  std::string error_body(const ApiError& error) const override { return api::error_body(error); }
};

}  // namespace

std::unique_ptr<const GenerationApi> openai_chat_api() { return std::make_unique<ChatApi>(); }

}  // namespace confide::api
