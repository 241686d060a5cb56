#include "api/jobs.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/printable.h"
#include "api/try.h"
#include "crypto/hash.h"

namespace confide::api {
namespace {

// How many contexts an answer may fill one after the other, where the engine forgets the older
// ones.
constexpr int kShiftedContexts = 8;

ApiError too_long(const GenerationApi& api, std::string message) {
  ApiError error = invalid_request(std::move(message), std::string(api.traits().prompt_member));
  error.code = "context_length_exceeded";
  return error;
}

// The engine tells what can never fit from what it does not understand.
ApiError no_tokens(const Error& error, const GenerationApi& api, int context,
                   std::string_view otherwise) {
  if (error.code == Errc::limit) {
    return too_long(api, fmt::format("This model's maximum context length is {} tokens, but the "
                                     "prompt is far longer. Shorten it.",
                                     context));
  }
  return invalid_request(std::string(otherwise), std::string(api.traits().prompt_member));
}

// Under which a prompt is kept for reuse: who has the key can tell by time what was asked before.
// Callers share one only by an equal salt, which all of them must have sent; without salt or
// credential nothing is kept. Hashes of fixed length, so that no two callers' parts run together.
std::string cache_key(const std::string& owner, const GenerationRequest& request) {
  const bool salted = !request.cache_salt.empty();
  if (!salted && owner.empty()) return "";
  crypto::Sha256Stream hash;
  hash.update(as_bytes(salted ? "confide cache salt\n" : "confide cache owner\n"));
  hash.update(crypto::sha256(as_bytes(salted ? request.cache_salt : owner)));
  hash.update(crypto::sha256(as_bytes(request.cache_partition)));
  return to_hex(hash.finish());
}

ApiResult<std::vector<engine::Token>> tokens_of(const Prompt& prompt, const GenerationApi& api,
                                                const engine::Engine& engine) {
  const int context = engine.info().context_length;
  if (const auto* text = std::get_if<std::string>(&prompt)) {
    auto tokens = engine.tokenize(*text, /*special=*/false);
    if (tokens) return *std::move(tokens);
    return tl::unexpected(no_tokens(tokens.error(), api, context, "The prompt is no valid text."));
  }
  const auto& tokens = std::get<std::vector<engine::Token>>(prompt);
  const auto known = [&](engine::Token id) { return id < engine.vocabulary_size(); };
  if (std::ranges::all_of(tokens, known)) return tokens;
  return tl::unexpected(invalid_request("The prompt has an unknown token id.",
                                        std::string(api.traits().prompt_member)));
}

// Around what is to be filled in.
ApiResult<std::vector<engine::Token>> tokens_between(const Prompt& prompt,
                                                     const std::string& suffix,
                                                     const GenerationApi& api,
                                                     const engine::Engine& engine) {
  const auto* text = std::get_if<std::string>(&prompt);
  if (text == nullptr) {
    return tl::unexpected(invalid_request("'suffix' needs a prompt that is a text.", "suffix"));
  }
  auto tokens = engine.prepare_infill(*text, suffix);
  if (tokens) return *std::move(tokens);
  if (tokens.error().code == Errc::unsupported) {
    return tl::unexpected(invalid_request(
        "This model cannot fill in the middle: it has no tokens for it.", "suffix"));
  }
  return tl::unexpected(no_tokens(tokens.error(), api, engine.info().context_length,
                                  "The prompt or 'suffix' is no valid text."));
}

// As it can stand in JSON.
std::string text_of(const Prompt& prompt, const engine::Engine& engine) {
  if (const auto* text = std::get_if<std::string>(&prompt)) return *text;
  const auto text = engine.detokenize(std::get<std::vector<engine::Token>>(prompt));
  return text ? printable(*text) : "";
}

// Which part of a conversation the engine cannot follow, found by leaving parts out.
ApiError unprepared(const Error& error, const GenerationApi& api, const engine::Engine& engine,
                    engine::Conversation conversation) {
  const int context = engine.info().context_length;
  if (!conversation.answer_schema.empty()) {
    conversation.answer_schema.clear();
    if (engine.prepare(conversation)) {
      return invalid_request("The model's answers cannot be made to follow this schema.",
                             std::string(api.traits().schema_member));
    }
  }
  if (!conversation.tools.empty()) {
    conversation.tools.clear();
    conversation.tool_use = engine::ToolUse::allowed;
    if (engine.prepare(conversation)) {
      return invalid_request("The model cannot be given these tools.", "tools");
    }
  }
  return no_tokens(error, api, context, "The model's chat template does not take these messages.");
}

ApiResult<engine::Job> make_job(std::vector<engine::Token> prompt, const GenerationApi& api,
                                const engine::Engine& engine, const GenerationRequest& request) {
  if (prompt.empty()) {
    return tl::unexpected(
        invalid_request("The prompt is empty.", std::string(api.traits().prompt_member)));
  }
  const int context = engine.info().context_length;
  if (prompt.size() >= static_cast<std::size_t>(context)) {
    return tl::unexpected(
        too_long(api, fmt::format("This model's maximum context length is {} tokens, but the "
                                  "prompt has {}. Shorten it.",
                                  context, prompt.size())));
  }
  const int left = context - static_cast<int>(prompt.size());
  return engine::Job{
      .prompt = std::move(prompt),
      .sampling = {.temperature = static_cast<float>(request.temperature),
                   .top_p = static_cast<float>(request.top_p),
                   .top_k = request.top_k,
                   .presence_penalty = static_cast<float>(request.presence_penalty),
                   .frequency_penalty = static_cast<float>(request.frequency_penalty),
                   .seed = request.seed.value_or(0),
                   .bias = request.bias,
                   .logprobs = request.logprobs},
      .max_tokens = std::min(request.max_tokens.value_or(left),
                             engine.info().shifts ? kShiftedContexts * context : left),
      .prompt_reports = request.echo && request.logprobs >= 0,
      .stop = request.stop};
}

}  // namespace

ApiResult<engine::ChatPrompt> prepare_chat(const engine::Conversation& conversation,
                                           const GenerationApi& api, const engine::Engine& engine) {
  auto prompt = engine.prepare(conversation);
  if (prompt) return *std::move(prompt);
  return tl::unexpected(unprepared(prompt.error(), api, engine, conversation));
}

ApiResult<std::vector<PreparedPrompt>> prepare_jobs(const GenerationRequest& request,
                                                    const GenerationApi& api,
                                                    const engine::Engine& engine,
                                                    const std::string& owner) {
  for (const auto& [token, bias] : request.bias) {
    if (token < engine.vocabulary_size()) continue;
    return tl::unexpected(invalid_request("'logit_bias' has an unknown token id.", "logit_bias"));
  }
  std::vector<PreparedPrompt> out;
  if (const auto* conversation = std::get_if<engine::Conversation>(&request.input)) {
    API_TRY_ASSIGN(auto prompt, prepare_chat(*conversation, api, engine));
    API_TRY_ASSIGN(auto job, make_job(std::move(prompt.tokens), api, engine, request));
    job.format = std::move(prompt.format);
    out.push_back({.job = std::move(job), .lead = ""});
  } else {
    for (const Prompt& prompt : std::get<std::vector<Prompt>>(request.input)) {
      API_TRY_ASSIGN(auto tokens, request.suffix.empty()
                                      ? tokens_of(prompt, api, engine)
                                      : tokens_between(prompt, request.suffix, api, engine));
      std::string lead = request.echo ? text_of(prompt, engine) : "";
      API_TRY_ASSIGN(auto job, make_job(std::move(tokens), api, engine, request));
      out.push_back({.job = std::move(job), .lead = std::move(lead)});
    }
  }
  for (PreparedPrompt& prompt : out) {
    prompt.job.caller = owner;
    prompt.job.cache_key = cache_key(owner, request);
  }
  return out;
}

}  // namespace confide::api
