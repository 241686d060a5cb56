// /tokenize, /detokenize and /apply-template: what a prompt becomes, for people who look into one.
// Off unless enabled. Members as vLLM and llama.cpp's server have them; docs/api.md.
#include <array>

#include "api/e2ee_headers.h"
#include "api/jobs.h"
#include "api/members.h"
#include "api/openai.h"
#include "api/printable.h"
#include "api/prompts.h"
#include "api/service.h"
#include "api/try.h"

namespace confide::api {
namespace {

constexpr json::Limits kBodyLimits{.max_bytes = std::size_t{4} << 20U};

ApiResult<std::vector<engine::Token>> parse_tokens(const Members& body) {
  const Json* list = body.given("tokens");
  auto out = list != nullptr ? read_tokens(*list) : std::nullopt;
  if (out) return *std::move(out);
  return tl::unexpected(body.wrong("tokens", "an array of token ids"));
}

ApiResult<std::string> text_of(std::span<const engine::Token> tokens,
                               const engine::Engine& engine) {
  const auto text = engine.detokenize(tokens);
  if (!text) return tl::unexpected(invalid_request("'tokens' has an unknown id.", "tokens"));
  return printable(*text);
}

ApiResult<std::vector<engine::Token>> read_conversation(const Json& body, std::string_view model,
                                                        const engine::Engine& engine) {
  Json chat = {{"model", model}, {"messages", body["messages"]}};
  for (const std::string_view name : {"tools", "tool_choice", "chat_template_kwargs"}) {
    if (const Json* value = json::find(body, name)) chat[std::string(name)] = *value;
  }
  const auto api = openai_chat_api();
  API_TRY_ASSIGN(const ParsedRequest parsed, api->parse(chat));
  const auto& conversation = std::get<engine::Conversation>(parsed.generation.input);
  API_TRY_ASSIGN(auto prompt, prepare_chat(conversation, *api, engine));
  return std::move(prompt.tokens);
}

ApiResult<std::vector<engine::Token>> read_text(const Json& text, const engine::Engine& engine,
                                                std::string_view member) {
  if (!text.is_string()) {
    return tl::unexpected(
        invalid_request("What is to be tokenized must be a string.", std::string(member)));
  }
  auto tokens = engine.tokenize(text.get_ref<const std::string&>(), /*special=*/true);
  if (!tokens) {
    return tl::unexpected(
        invalid_request("The text is not valid, or longer than any context.", std::string(member)));
  }
  return *std::move(tokens);
}

ApiResult<Json> tokenized(const Json& body, std::string_view model, const engine::Engine& engine) {
  const Members members(body);
  std::vector<engine::Token> tokens;
  if (members.given("messages") != nullptr) {
    API_TRY_ASSIGN(tokens, read_conversation(body, model, engine));
  } else {
    const std::string_view name = members.given("content") != nullptr ? "content" : "prompt";
    const Json* text = members.given(name);
    API_TRY_ASSIGN(tokens, read_text(text != nullptr ? *text : Json(), engine, name));
  }
  Json out = {{"count", tokens.size()},
              {"max_model_len", engine.info().context_length},
              {"tokens", tokens}};
  API_TRY_ASSIGN(const bool strings, members.boolean("return_token_strs", false));
  if (!strings) return out;
  out["token_strs"] = Json::array();
  for (const engine::Token token : tokens) {
    API_TRY_ASSIGN(auto text, text_of(std::array{token}, engine));
    out["token_strs"].push_back(std::move(text));
  }
  return out;
}

// One text under the names that both servers have for it.
ApiResult<Json> detokenized(const Json& body, const engine::Engine& engine) {
  API_TRY_ASSIGN(const auto tokens, parse_tokens(Members(body)));
  API_TRY_ASSIGN(auto text, text_of(tokens, engine));
  return Json{{"prompt", text}, {"content", text}};
}

ApiResult<Json> templated(const Json& body, std::string_view model, const engine::Engine& engine) {
  if (Members(body).given("messages") == nullptr) {
    return tl::unexpected(Members(body).wrong("messages", "an array of messages"));
  }
  API_TRY_ASSIGN(const auto tokens, read_conversation(body, model, engine));
  API_TRY_ASSIGN(auto text, text_of(tokens, engine));
  return Json{{"prompt", std::move(text)}};
}

}  // namespace

bool Service::is_debug_path(std::string_view path) const {
  return config_.debug_endpoints &&
         (path == "/tokenize" || path == "/detokenize" || path == "/apply-template");
}

ApiResult<Json> Service::debug_answer(const Call& call) const {
  if (e2ee_headers(call.request.headers).any()) return tl::unexpected(no_sealed_fields());
  const auto body = json::parse(call.request.body, kBodyLimits);
  if (!body || !body->is_object()) {
    return tl::unexpected(invalid_request("The body must be a JSON object."));
  }
  API_TRY_ASSIGN(const auto asked, Members(*body).text("model", 1, kMaxModelBytes));
  if (!asked && models_.empty()) return tl::unexpected(no_such_model());
  const std::string& name = asked ? *asked : models_.front().served.name;
  API_TRY_ASSIGN(const Model* const model, model_for(call, name));
  const engine::Engine& engine = model->served.engine;
  if (call.request.path == "/tokenize") return tokenized(*body, name, engine);
  if (call.request.path == "/detokenize") return detokenized(*body, engine);
  return templated(*body, name, engine);
}

void Service::debug(Call& call) {
  const auto answer = debug_answer(call);
  if (!answer) return refuse(call, answer.error());
  reply_json(call, *answer);
}

}  // namespace confide::api
