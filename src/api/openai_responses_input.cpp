#include <set>

#include <fmt/format.h>

#include "api/openai_responses.h"
#include "api/try.h"

namespace confide::api {
namespace {

constexpr std::size_t kMaxItems = 4096;
constexpr std::size_t kMaxNameBytes = 256;
constexpr std::size_t kMaxTextBytes = std::size_t{32} << 20U;

ApiResult<std::string> required(const Members& item, std::string_view name, std::size_t min_bytes,
                                std::size_t max_bytes) {
  API_TRY_ASSIGN(auto text, item.text(name, min_bytes, max_bytes));
  if (!text) return tl::unexpected(item.wrong(name, "there, a string"));
  return *std::move(text);
}

// A string, or parts of text.
ApiResult<std::string> text_of(const Members& item, std::string_view name) {
  const Json* content = item.given(name);
  if (content != nullptr && content->is_string()) return content->get<std::string>();
  if (content == nullptr || !content->is_array()) {
    return tl::unexpected(item.wrong(name, "a string or an array of parts"));
  }
  std::string out;
  for (std::size_t i = 0; i < content->size(); ++i) {
    const Members part((*content)[i], fmt::format("{}.{}", item.path(name), i));
    const Json* type = part.given("type");
    const bool refusal = type != nullptr && *type == "refusal";
    if (type == nullptr ||
        !(refusal || *type == "input_text" || *type == "output_text" || *type == "text" ||
          *type == "reasoning_text" || *type == "summary_text")) {
      return tl::unexpected(invalid_request(
          fmt::format("This model takes text only: '{}' must be a part of text.", part.path("")),
          part.path("")));
    }
    API_TRY_ASSIGN(const auto piece,
                   required(part, refusal ? "refusal" : "text", 0, kMaxTextBytes));
    out += piece;
  }
  return out;
}

// Reads one item after the other. What one answer was made of (thoughts, text, calls) is several
// items, and one message of an assistant.
class ItemReader {
 public:
  explicit ItemReader(std::vector<engine::Message>& out) : out_(out) {}

  ApiResult<void> read(const Members& item) {
    const Json* type = item.given("type");
    if (type == nullptr || *type == "message") return read_message(item);
    if (*type == "function_call") return read_call(item);
    if (*type == "function_call_output") return read_result(item);
    if (*type == "reasoning") return read_reasoning(item);
    return tl::unexpected(item.wrong(
        "type",
        "message, function_call, function_call_output or reasoning: others are not offered here"));
  }

 private:
  ApiResult<void> read_message(const Members& item) {
    API_TRY_ASSIGN(auto role, required(item, "role", 1, kMaxNameBytes));
    if (role != "user" && role != "system" && role != "developer" && role != "assistant") {
      return tl::unexpected(item.wrong("role", "user, system, developer or assistant"));
    }
    API_TRY_ASSIGN(auto text, text_of(item, "content"));
    if (role == "assistant") {
      engine::Message& answer = open_answer();
      if (answer.content.empty() && answer.tool_calls.empty()) {
        answer.content = std::move(text);
        return {};
      }
    }
    out_.push_back({.role = role, .content = std::move(text)});
    open_ = role == "assistant";
    return {};
  }

  ApiResult<void> read_call(const Members& item) {
    engine::ToolCall call;
    API_TRY_ASSIGN(call.id, required(item, "call_id", 1, kMaxNameBytes));
    API_TRY_ASSIGN(call.name, required(item, "name", 1, kMaxNameBytes));
    API_TRY_ASSIGN(call.arguments, required(item, "arguments", 0, kMaxTextBytes));
    called_.insert(call.id);
    open_answer().tool_calls.push_back(std::move(call));
    return {};
  }

  ApiResult<void> read_result(const Members& item) {
    engine::Message message{.role = "tool", .content = ""};
    API_TRY_ASSIGN(message.tool_call_id, required(item, "call_id", 1, kMaxNameBytes));
    if (!called_.contains(message.tool_call_id)) {
      return tl::unexpected(item.wrong("call_id", "the call_id of a function_call before it"));
    }
    API_TRY_ASSIGN(message.content, text_of(item, "output"));
    out_.push_back(std::move(message));
    open_ = false;
    return {};
  }

  ApiResult<void> read_reasoning(const Members& item) {
    const std::string_view name = item.given("content") != nullptr ? "content" : "summary";
    if (item.given(name) == nullptr) return {};
    API_TRY_ASSIGN(auto text, text_of(item, name));
    open_ = false;
    open_answer().reasoning = std::move(text);
    return {};
  }

  engine::Message& open_answer() {
    if (!std::exchange(open_, true)) out_.push_back({.role = "assistant", .content = ""});
    return out_.back();
  }

  std::vector<engine::Message>& out_;
  std::set<std::string, std::less<>> called_;
  bool open_ = false;  // the last message is an assistant's that may go on
};

}  // namespace

ApiResult<std::vector<engine::Message>> parse_response_input(const Members& body) {
  std::vector<engine::Message> out;
  API_TRY_ASSIGN(auto instructions, body.text("instructions", 0, kMaxTextBytes));
  if (instructions) out.push_back({.role = "system", .content = *std::move(instructions)});
  const Json* input = body.given("input");
  if (input != nullptr && input->is_string()) {
    out.push_back({.role = "user", .content = input->get<std::string>()});
    return out;
  }
  if (input == nullptr || !input->is_array() || input->empty() || input->size() > kMaxItems) {
    return tl::unexpected(
        body.wrong("input", fmt::format("a string or an array of 1 to {} items", kMaxItems)));
  }
  ItemReader reader(out);
  for (std::size_t i = 0; i < input->size(); ++i) {
    API_TRY(reader.read(Members((*input)[i], fmt::format("input.{}", i))));
  }
  return out;
}

}  // namespace confide::api
