// POST /v1/messages and /v1/messages/count_tokens.
#include "api/messages.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "api/try.h"

namespace confide::api {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<int>::max();
constexpr std::int64_t kLeastBudget = 1024;
constexpr std::size_t kMaxUserBytes = 256;
constexpr std::size_t kMaxSaltBytes = 256;
constexpr std::size_t kMaxStops = 16;
constexpr std::size_t kMaxStopBytes = 512;
constexpr std::size_t kMaxNameBytes = 128;
constexpr std::string_view kFirstVersion = "2023-06-01";  // of this form of answers

// Versions are dates. A client's release names the newest that its makers know of, and the form of
// answers has stayed, so none is too new.
bool is_spoken(std::string_view version) {
  constexpr std::string_view kForm = "0000-00-00";
  const auto fits = [](char c, char form) {
    return form == '0' ? c >= '0' && c <= '9' : c == form;
  };
  return version.size() == kForm.size() &&
         std::equal(version.begin(), version.end(), kForm.begin(), fits) &&
         version >= kFirstVersion;
}

// What a service tier would buy: there is one.
ApiResult<void> check_tier(const Members& body) {
  API_TRY_ASSIGN(const auto tier, body.text("service_tier", 1, kMaxUserBytes));
  if (!tier || *tier == "auto" || *tier == "standard_only") return {};
  return tl::unexpected(body.wrong("service_tier", "\"auto\" or \"standard_only\""));
}

ApiResult<void> check_metadata(const Members& body) {
  API_TRY_ASSIGN(const auto metadata, body.object("metadata"));
  if (!metadata) return {};
  API_TRY(only(*metadata, {"user_id"}));
  API_TRY_ASSIGN(const auto user, metadata->text("user_id", 0, kMaxUserBytes));
  return {};
}

ApiResult<std::vector<std::string>> stop_sequences(const Members& body) {
  std::vector<std::string> out;
  const Json* member = body.given("stop_sequences");
  if (member == nullptr) return out;
  const auto add = [&](const Json& one) {
    if (!one.is_string()) return false;
    out.push_back(one.get<std::string>());
    return !out.back().empty() && out.back().size() <= kMaxStopBytes;
  };
  if (!member->is_array() || member->size() > kMaxStops || !std::ranges::all_of(*member, add)) {
    return tl::unexpected(body.wrong(
        "stop_sequences",
        fmt::format("an array of up to {} strings of 1 to {} bytes", kMaxStops, kMaxStopBytes)));
  }
  return out;
}

// How long it thinks is up to the model: `max_tokens` bounds thoughts and answer together. A choice
// that forces a tool leaves no room for thoughts.
ApiResult<bool> parse_thinking(const Members& body, const engine::Conversation& conversation) {
  API_TRY_ASSIGN(const auto thinking, body.object("thinking"));
  if (!thinking) return false;
  const Json* type = thinking->given("type");
  if (type == nullptr) return tl::unexpected(field_required(*thinking, "type"));
  if (*type == "disabled") {
    API_TRY(only(*thinking, {"type"}));
    return false;
  }
  if (*type == "enabled") {
    API_TRY(only(*thinking, {"type", "budget_tokens"}));
    API_TRY_ASSIGN(const auto budget, thinking->whole("budget_tokens", kLeastBudget, kMost));
    if (!budget) return tl::unexpected(field_required(*thinking, "budget_tokens"));
    API_TRY_ASSIGN(const auto max_tokens, body.whole("max_tokens", 1, kMost));
    if (max_tokens && *budget >= *max_tokens) {
      return tl::unexpected(thinking->wrong("budget_tokens", "less than 'max_tokens'"));
    }
  } else if (*type == "adaptive") {
    API_TRY(only(*thinking, {"type"}));
  } else {
    return tl::unexpected(thinking->wrong("type", "\"enabled\", \"adaptive\" or \"disabled\""));
  }
  if (conversation.tool_use == engine::ToolUse::required) {
    return tl::unexpected(invalid_request(
        "'thinking' may not be enabled when 'tool_choice' forces the use of a tool.", "thinking"));
  }
  return true;
}

ApiResult<std::string> parse_output_format(const Members& body) {
  API_TRY_ASSIGN(const auto config, body.object("output_config"));
  if (!config) return "";
  API_TRY(only(*config, {"format"}));
  API_TRY_ASSIGN(const auto format, config->object("format"));
  if (!format) return "";
  API_TRY(only(*format, {"type", "schema"}));
  const Json* type = format->given("type");
  if (type == nullptr || *type != "json_schema") {
    return tl::unexpected(format->wrong("type", "\"json_schema\""));
  }
  API_TRY_ASSIGN(const auto schema, format->object("schema"));
  if (!schema) return tl::unexpected(field_required(*format, "schema"));
  return json::compact(schema->json());
}

// What counting and answering have in common.
ApiResult<GenerationRequest> parse_prompt(const Members& body) {
  GenerationRequest out;
  API_TRY_ASSIGN(auto model, body.text("model", 1, kMaxModelBytes));
  if (!model) return tl::unexpected(field_required(body, "model"));
  out.model = *std::move(model);
  engine::Conversation conversation;
  API_TRY_ASSIGN(conversation.messages, parse_conversation(body));
  API_TRY(parse_messages_tools(body, conversation));
  API_TRY_ASSIGN(conversation.thinking, parse_thinking(body, conversation));
  API_TRY_ASSIGN(conversation.answer_schema, parse_output_format(body));
  out.input = std::move(conversation);
  return out;
}

ApiResult<void> parse_generation(const Members& body, GenerationRequest& out) {
  API_TRY_ASSIGN(const auto max_tokens, body.whole("max_tokens", 1, kMost));
  if (!max_tokens) return tl::unexpected(field_required(body, "max_tokens"));
  out.max_tokens = static_cast<int>(*max_tokens);
  API_TRY_ASSIGN(out.temperature, body.number("temperature", 1.0, 0.0, 1.0));
  API_TRY_ASSIGN(out.top_p, body.number("top_p", 1.0, 0.0, 1.0));
  API_TRY_ASSIGN(const auto top_k, body.whole("top_k", 0, kMost));
  out.top_k = static_cast<int>(top_k.value_or(0));
  API_TRY_ASSIGN(out.stop, stop_sequences(body));
  API_TRY_ASSIGN(out.stream, body.boolean("stream", false));
  API_TRY_ASSIGN(auto salt, body.text("cache_salt", 1, kMaxSaltBytes));
  out.cache_salt = std::move(salt).value_or("");
  API_TRY(check_tier(body));
  return check_metadata(body);
}

class AnthropicApi : public GenerationApi {
 public:
  explicit AnthropicApi(std::string_view path)
      : GenerationApi({.path = path,
                       .id_prefix = "msg_",
                       .tool_call_prefix = "toolu_",
                       .prompt_member = "messages",
                       .schema_member = "output_config.format.schema",
                       .sealed_fields = std::nullopt}) {}

  ApiResult<void> check_headers(const net::Headers& headers) const override {
    return check_anthropic_version(headers);
  }
};

class MessagesApi final : public AnthropicApi {
 public:
  MessagesApi() : AnthropicApi("/v1/messages") {}

  ApiResult<ParsedRequest> parse(const Json& json) const override {
    const Members body(json);
    API_TRY(only(body,
                 {"model", "messages", "system", "max_tokens", "stop_sequences", "stream",
                  "temperature", "top_p", "top_k", "metadata", "service_tier", "thinking", "tools",
                  "tool_choice", "output_config", "cache_control", "cache_salt", "provider"}));
    ParsedRequest out;
    API_TRY_ASSIGN(out.generation, parse_prompt(body));
    API_TRY(parse_generation(body, out.generation));
    out.make_shape = [stops = out.generation.stop](AnswerHead head) {
      return make_messages_shape(std::move(head), stops);
    };
    return out;
  }
};

class MessagesCountApi final : public AnthropicApi {
 public:
  MessagesCountApi() : AnthropicApi("/v1/messages/count_tokens") {}

  ApiResult<ParsedRequest> parse(const Json& json) const override {
    const Members body(json);
    API_TRY(only(body, {"model", "messages", "system", "thinking", "tools", "tool_choice",
                        "output_config", "cache_control", "provider"}));
    ParsedRequest out;
    API_TRY_ASSIGN(out.generation, parse_prompt(body));
    out.count_answer = [](std::size_t tokens) { return Json{{"input_tokens", tokens}}; };
    return out;
  }
};

}  // namespace

ApiResult<void> check_anthropic_version(const net::Headers& headers) {
  const auto version = headers.get(kAnthropicVersion);
  if (version && is_spoken(*version)) return {};
  return tl::unexpected(invalid_request(
      version ? fmt::format("anthropic-version: must be a date from {} on", kFirstVersion)
              : "anthropic-version: header is required"));
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

ApiResult<void> only(const Members& object, std::initializer_list<std::string_view> names) {
  if (!object.json().is_object()) return {};
  for (const auto& [name, value] : object.json().items()) {
    if (std::ranges::find(names, name) != names.end()) continue;
    const std::string where = object.path(is_plain_name(name) ? name : "...");
    return tl::unexpected(invalid_request(where + ": Extra inputs are not permitted", where));
  }
  return {};
}

ApiError field_required(const Members& object, std::string_view name) {
  const std::string where = object.path(name);
  return invalid_request(where + ": Field required", where);
}

std::unique_ptr<const GenerationApi> messages_api() { return std::make_unique<MessagesApi>(); }

std::unique_ptr<const GenerationApi> messages_count_api() {
  return std::make_unique<MessagesCountApi>();
}

}  // namespace confide::api
