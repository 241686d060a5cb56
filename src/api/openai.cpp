#include "api/openai.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "api/try.h"

namespace confide::api {
namespace {

constexpr std::size_t kMaxMessages = 4096;
constexpr std::size_t kMaxStops = 16;
constexpr std::size_t kMaxStopBytes = 512;

// The member, or null if it is absent or JSON null: OpenAI treats both alike.
const Json* given(const Json& body, std::string_view name) {
  const Json* member = json::find(body, name);
  return member == nullptr || member->is_null() ? nullptr : member;
}

ApiError wrong(std::string_view name, std::string_view expected) {
  return invalid_request(fmt::format("'{}' must be {}.", name, expected), std::string(name));
}

ApiResult<double> number(const Json& body, std::string_view name, double fallback, double low,
                         double high) {
  const Json* member = given(body, name);
  if (member == nullptr) return fallback;
  if (!member->is_number()) return tl::unexpected(wrong(name, "a number"));
  const auto value = member->get<double>();
  if (!(value >= low && value <= high)) {
    return tl::unexpected(wrong(name, fmt::format("between {} and {}", low, high)));
  }
  return value;
}

ApiResult<bool> boolean(const Json& body, std::string_view name, bool fallback) {
  const Json* member = given(body, name);
  if (member == nullptr) return fallback;
  if (!member->is_boolean()) return tl::unexpected(wrong(name, "true or false"));
  return member->get<bool>();
}

ApiResult<std::optional<int>> token_limit(const Json& body, std::string_view name) {
  const Json* member = given(body, name);
  if (member == nullptr) return std::nullopt;
  const bool whole = member->is_number_integer();
  if (!whole || member->get<double>() < 1.0) {
    return tl::unexpected(wrong(name, "a whole number of tokens, 1 or more"));
  }
  return static_cast<int>(std::min(member->get<double>(), 1e9));
}

// The engine's seed has 32 bits; a longer one is folded, and the receipt shows what was used.
ApiResult<std::optional<std::uint32_t>> seed(const Json& body) {
  const Json* member = given(body, "seed");
  if (member == nullptr) return std::nullopt;
  if (!member->is_number_integer()) return tl::unexpected(wrong("seed", "a whole number"));
  return static_cast<std::uint32_t>(member->is_number_unsigned()
                                        ? member->get<std::uint64_t>()
                                        : static_cast<std::uint64_t>(member->get<std::int64_t>()));
}

ApiResult<std::vector<std::string>> stops(const Json& body) {
  std::vector<std::string> out;
  const Json* member = given(body, "stop");
  if (member == nullptr) return out;
  const auto bad = [] {
    return tl::unexpected(wrong(
        "stop", fmt::format("a non-empty string or an array of up to {} of them, each of at most "
                            "{} bytes",
                            kMaxStops, kMaxStopBytes)));
  };
  const auto add = [&](const Json& one) {
    if (!one.is_string()) return false;
    out.push_back(one.get<std::string>());
    return !out.back().empty() && out.back().size() <= kMaxStopBytes;
  };
  if (member->is_array()) {
    if (member->size() > kMaxStops || !std::ranges::all_of(*member, add)) return bad();
  } else if (!add(*member)) {
    return bad();
  }
  return out;
}

// Text of one message: a string, an array of text parts, or (assistant only) nothing.
ApiResult<std::string> content_text(const Json& message, std::string_view role,
                                    const std::string& where) {
  const Json* content = given(message, "content");
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

ApiResult<std::vector<engine::Message>> messages(const Json& body) {
  constexpr std::array<std::string_view, 5> kRoles = {"system", "developer", "user", "assistant",
                                                      "tool"};
  const Json* list = given(body, "messages");
  if (list == nullptr || !list->is_array() || list->empty() || list->size() > kMaxMessages) {
    return tl::unexpected(
        wrong("messages", fmt::format("an array of 1 to {} messages", kMaxMessages)));
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
    if (const Json* calls = given(message, "tool_calls"); calls != nullptr && !calls->empty()) {
      return tl::unexpected(invalid_request("Tool calls are not offered here.", where));
    }
    auto name = role->get<std::string>();
    API_TRY_ASSIGN(auto text, content_text(message, name, where + ".content"));
    out.push_back({.role = std::move(name), .content = std::move(text)});
  }
  return out;
}

ApiResult<std::variant<std::string, std::vector<engine::Token>>> prompt(const Json& body) {
  const auto bad = [] {
    return tl::unexpected(
        wrong("prompt", "a string, an array with one string, or an array of token ids"));
  };
  const Json* member = given(body, "prompt");
  if (member == nullptr) return bad();
  if (member->is_array() && member->size() == 1 && !(*member)[0].is_number())
    member = &(*member)[0];
  if (member->is_string()) return member->get<std::string>();
  if (!member->is_array() || member->empty()) return bad();
  std::vector<engine::Token> tokens;
  tokens.reserve(member->size());
  for (const Json& id : *member) {
    if (!id.is_number_integer() || id.get<double>() < 0 || id.get<double>() > INT32_MAX) {
      return bad();
    }
    tokens.push_back(id.get<engine::Token>());
  }
  return tokens;
}

struct Unsupported {
  std::string_view name;
  std::string_view harmless;  // JSON texts that ask for nothing, separated by '|'
};

// Members that would change the answer if they were honoured, so silence would be a lie.
constexpr std::array<Unsupported, 14> kUnsupported = {{{"tools", "[]"},
                                                       {"functions", "[]"},
                                                       {"tool_choice", "\"none\"|\"auto\""},
                                                       {"n", "1"},
                                                       {"best_of", "1"},
                                                       {"logprobs", "false"},
                                                       {"top_logprobs", "0"},
                                                       {"logit_bias", "{}"},
                                                       {"response_format", "{\"type\":\"text\"}"},
                                                       {"modalities", "[\"text\"]"},
                                                       {"audio", "{}"},
                                                       {"prediction", "{}"},
                                                       {"echo", "false"},
                                                       {"suffix", "\"\""}}};

ApiResult<bool> refuse_unsupported(const Json& body) {
  for (const Unsupported& member : kUnsupported) {
    const Json* value = given(body, member.name);
    if (value == nullptr) continue;
    const std::string text = json::compact(*value);
    std::string_view harmless = member.harmless;
    bool fine = false;
    while (!fine && !harmless.empty()) {
      const std::size_t bar = std::min(harmless.find('|'), harmless.size());
      fine = harmless.substr(0, bar) == text;
      harmless.remove_prefix(std::min(bar + 1, harmless.size()));
    }
    if (!fine) {
      return tl::unexpected(
          invalid_request(fmt::format("'{}' with this value is not offered here.", member.name),
                          std::string(member.name)));
    }
  }
  return true;
}

Json usage_json(engine::Usage usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

bool is_chat(const AnswerHead& head) { return head.endpoint == Endpoint::chat_completions; }

Json answer_frame(const AnswerHead& head, std::string_view chat_object) {
  return {{"id", head.id},
          {"object", is_chat(head) ? chat_object : "text_completion"},
          {"created", head.created},
          {"model", head.model},
          {"system_fingerprint", head.fingerprint}};
}

Json chunk(const AnswerHead& head, Json choices) {
  Json out = answer_frame(head, "chat.completion.chunk");
  out["choices"] = std::move(choices);
  if (head.include_usage) out["usage"] = nullptr;
  return out;
}

Json choice(std::string_view member, Json value, Json finish_reason) {
  Json out = {{"index", 0}};
  out[std::string(member)] = std::move(value);
  out["logprobs"] = nullptr;
  out["finish_reason"] = std::move(finish_reason);
  return Json::array({std::move(out)});
}

}  // namespace

ApiResult<GenerationRequest> parse_generation(const Json& body, Endpoint endpoint) {
  if (!body.is_object()) return tl::unexpected(invalid_request("The body must be a JSON object."));
  GenerationRequest out;
  out.endpoint = endpoint;
  const Json* model = given(body, "model");
  if (model == nullptr || !model->is_string()) return tl::unexpected(wrong("model", "a string"));
  out.model = model->get<std::string>();
  API_TRY(refuse_unsupported(body));
  if (endpoint == Endpoint::chat_completions) {
    API_TRY_ASSIGN(out.messages, messages(body));
  } else {
    API_TRY_ASSIGN(out.prompt, prompt(body));
  }
  API_TRY_ASSIGN(out.temperature, number(body, "temperature", 1.0, 0.0, 2.0));
  API_TRY_ASSIGN(out.top_p, number(body, "top_p", 1.0, 0.0, 1.0));
  API_TRY_ASSIGN(out.presence_penalty, number(body, "presence_penalty", 0.0, -2.0, 2.0));
  API_TRY_ASSIGN(out.frequency_penalty, number(body, "frequency_penalty", 0.0, -2.0, 2.0));
  API_TRY_ASSIGN(out.seed, seed(body));
  API_TRY_ASSIGN(out.max_tokens, token_limit(body, "max_tokens"));
  API_TRY_ASSIGN(const auto newer_name, token_limit(body, "max_completion_tokens"));
  if (newer_name) out.max_tokens = newer_name;
  API_TRY_ASSIGN(out.stop, stops(body));
  API_TRY_ASSIGN(out.stream, boolean(body, "stream", false));
  if (const Json* options = given(body, "stream_options"); options != nullptr) {
    if (!options->is_object()) return tl::unexpected(wrong("stream_options", "an object"));
    if (!out.stream) {
      return tl::unexpected(
          invalid_request("'stream_options' is only for streamed answers.", "stream_options"));
    }
    API_TRY_ASSIGN(out.include_usage, boolean(*options, "include_usage", false));
  }
  return out;
}

std::string_view to_string(engine::Finish finish) noexcept {
  switch (finish) {
    case engine::Finish::stop:
      return "stop";
    case engine::Finish::length:
      return "length";
    case engine::Finish::cancelled:
      return "cancelled";
    case engine::Finish::expired:
      return "expired";
    case engine::Finish::error:
      return "error";
  }
  return "error";
}

Json full_answer(const AnswerHead& head, std::string text, engine::Finish finish,
                 engine::Usage usage) {
  Json out = answer_frame(head, "chat.completion");
  Json content = std::move(text);
  if (is_chat(head)) {
    Json message = {{"role", "assistant"}};
    message["content"] = std::move(content);
    message["refusal"] = nullptr;
    out["choices"] = choice("message", std::move(message), to_string(finish));
  } else {
    out["choices"] = choice("text", std::move(content), to_string(finish));
  }
  out["usage"] = usage_json(usage);
  return out;
}

Json first_chunk(const AnswerHead& head) {
  if (!is_chat(head)) return text_chunk(head, "");
  return chunk(head, choice("delta", {{"role", "assistant"}, {"content", ""}}, nullptr));
}

Json text_chunk(const AnswerHead& head, std::string text) {
  if (!is_chat(head)) return chunk(head, choice("text", std::move(text), nullptr));
  return chunk(head, choice("delta", {{"content", std::move(text)}}, nullptr));
}

Json last_chunk(const AnswerHead& head, engine::Finish finish) {
  if (!is_chat(head)) return chunk(head, choice("text", "", to_string(finish)));
  return chunk(head, choice("delta", Json::object(), to_string(finish)));
}

Json usage_chunk(const AnswerHead& head, engine::Usage usage) {
  Json out = chunk(head, Json::array());
  out["usage"] = usage_json(usage);
  return out;
}

}  // namespace confide::api
