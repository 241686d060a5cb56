#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "api/openai_chat_parse.h"
#include "api/try.h"

namespace confide::api {
namespace {

constexpr std::size_t kMaxMessages = 4096;
constexpr std::size_t kMaxNameBytes = 256;
constexpr std::size_t kMaxCallBytes = std::size_t{1} << 20U;

// Text of a part: `text`, or what an assistant refused with.
ApiResult<std::string> part_text(const Members& part, bool assistant) {
  const Json* type = part.given("type");
  if (type == nullptr || !type->is_string()) {
    return tl::unexpected(part.wrong("type", "the type of the content part"));
  }
  const bool refusal = assistant && *type == "refusal";
  if (*type != "text" && !refusal) {
    return tl::unexpected(invalid_request(
        fmt::format("This model takes text only: '{}' must be \"text\".", part.path("type")),
        part.path("")));
  }
  const std::string_view member = refusal ? "refusal" : "text";
  const Json* text = part.given(member);
  if (text == nullptr || !text->is_string()) return tl::unexpected(part.wrong(member, "a string"));
  return text->get<std::string>();
}

// A string, an array of parts, or nothing where `optional`.
ApiResult<std::string> content_text(const Members& message, bool assistant, bool optional) {
  const Json* content = message.given("content");
  if (content == nullptr) {
    if (optional) return std::string();
    return tl::unexpected(
        invalid_request("Each message needs 'content'.", message.path("content")));
  }
  if (content->is_string()) return content->get<std::string>();
  if (!content->is_array()) {
    return tl::unexpected(message.wrong("content", "a string or an array of content parts"));
  }
  std::string text;
  for (std::size_t i = 0; i < content->size(); ++i) {
    const Members part((*content)[i], fmt::format("{}.{}", message.path("content"), i));
    API_TRY_ASSIGN(const std::string piece, part_text(part, assistant));
    text += piece;
  }
  return text;
}

ApiResult<std::string> required_text(const Members& object, std::string_view name,
                                     std::size_t min_bytes, std::size_t max_bytes) {
  API_TRY_ASSIGN(auto text, object.text(name, min_bytes, max_bytes));
  if (!text) return tl::unexpected(object.wrong(name, "there, a string"));
  return *std::move(text);
}

ApiResult<engine::ToolCall> tool_call(const Members& call) {
  engine::ToolCall out;
  API_TRY_ASSIGN(out.id, required_text(call, "id", 1, kMaxNameBytes));
  const Json* type = call.given("type");
  if (type != nullptr && *type != "function") {
    return tl::unexpected(call.wrong("type", "\"function\""));
  }
  API_TRY_ASSIGN(const auto function, call.object("function"));
  if (!function) return tl::unexpected(call.wrong("function", "an object"));
  API_TRY_ASSIGN(out.name, required_text(*function, "name", 1, kMaxNameBytes));
  API_TRY_ASSIGN(out.arguments, required_text(*function, "arguments", 0, kMaxCallBytes));
  return out;
}

// Reads one message after the other, since a tool's answer must belong to a call made before.
class MessageReader {
 public:
  ApiResult<engine::Message> read(const Members& message) {
    constexpr std::array<std::string_view, 5> kRoles = {"system", "developer", "user", "assistant",
                                                        "tool"};
    const Json* role = message.given("role");
    if (role == nullptr || !role->is_string() ||
        std::ranges::find(kRoles, role->get_ref<const std::string&>()) == kRoles.end()) {
      return tl::unexpected(invalid_request(
          "Each message needs a 'role': system, developer, user, assistant or tool.",
          message.path("")));
    }
    for (const std::string_view name : {"function_call", "audio"}) {
      if (message.given(name) == nullptr) continue;
      return tl::unexpected(invalid_request(
          fmt::format("'{}' is not offered here.", message.path(name)), message.path(name)));
    }
    engine::Message out;
    out.role = role->get<std::string>();
    API_TRY_ASSIGN(auto name, message.text("name", 0, kMaxNameBytes));
    out.name = std::move(name).value_or("");
    if (out.role == "assistant") {
      API_TRY(read_assistant(message, out));
    } else if (out.role == "tool") {
      API_TRY(read_tool(message, out));
    }
    const bool optional = out.role == "assistant";
    API_TRY_ASSIGN(out.content, content_text(message, out.role == "assistant", optional));
    return out;
  }

 private:
  ApiResult<void> read_assistant(const Members& message, engine::Message& out) {
    for (const std::string_view name : {"reasoning", "reasoning_content"}) {
      const Json* reasoning = message.given(name);
      if (reasoning == nullptr) continue;
      if (!reasoning->is_string()) return tl::unexpected(message.wrong(name, "a string"));
      out.reasoning = reasoning->get<std::string>();
    }
    const Json* calls = message.given("tool_calls");
    if (calls == nullptr) return {};
    if (!calls->is_array()) return tl::unexpected(message.wrong("tool_calls", "an array"));
    for (std::size_t i = 0; i < calls->size(); ++i) {
      const Members call((*calls)[i], fmt::format("{}.{}", message.path("tool_calls"), i));
      API_TRY_ASSIGN(auto one, tool_call(call));
      names_[one.id] = one.name;
      out.tool_calls.push_back(std::move(one));
    }
    return {};
  }

  ApiResult<void> read_tool(const Members& message, engine::Message& out) {
    API_TRY_ASSIGN(out.tool_call_id, required_text(message, "tool_call_id", 1, kMaxNameBytes));
    const auto called = names_.find(out.tool_call_id);
    if (called == names_.end()) {
      return tl::unexpected(
          message.wrong("tool_call_id", "the id of a call in an assistant's message before it"));
    }
    if (out.name.empty()) out.name = called->second;
    return {};
  }

  std::map<std::string, std::string, std::less<>> names_;  // of called tools, by the call's id
};

}  // namespace

ApiResult<std::vector<engine::Message>> parse_messages(const Members& body) {
  const Json* list = body.given("messages");
  if (list == nullptr || !list->is_array() || list->empty() || list->size() > kMaxMessages) {
    return tl::unexpected(
        body.wrong("messages", fmt::format("an array of 1 to {} messages", kMaxMessages)));
  }
  std::vector<engine::Message> out;
  out.reserve(list->size());
  MessageReader reader;
  for (std::size_t i = 0; i < list->size(); ++i) {
    API_TRY_ASSIGN(auto message, reader.read(Members((*list)[i], fmt::format("messages.{}", i))));
    out.push_back(std::move(message));
  }
  return out;
}

}  // namespace confide::api
