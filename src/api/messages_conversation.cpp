// Anthropic's messages as a conversation: blocks of text, calls of tools and their results.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "api/messages.h"
#include "api/try.h"

namespace confide::api {
namespace {

constexpr std::size_t kMaxMessages = 4096;
constexpr std::size_t kMaxIdBytes = 256;
constexpr std::size_t kMaxNameBytes = 128;

ApiResult<std::string> block_type(const Members& block) {
  const Json* type = block.given("type");
  if (type == nullptr || !type->is_string()) return tl::unexpected(field_required(block, "type"));
  return type->get<std::string>();
}

ApiResult<std::string> text_of(const Members& block) {
  API_TRY(only(block, {"type", "text", "cache_control", "citations"}));
  if (block.given("citations") != nullptr) {
    return tl::unexpected(block.wrong("citations", "null: none are offered here"));
  }
  const Json* text = block.given("text");
  if (text == nullptr) return tl::unexpected(field_required(block, "text"));
  if (!text->is_string()) return tl::unexpected(block.wrong("text", "a string"));
  return text->get<std::string>();
}

ApiError not_taken(const Members& block, const std::string& type) {
  const bool of_another_kind = type == "image" || type == "document";
  return invalid_request(
      fmt::format("{}: {}", block.path("type"),
                  of_another_kind ? "this model takes text only, no images and no documents"
                                  : "blocks of this type are not taken here"),
      block.path("type"));
}

// Calls `take` with each block of an array.
template <class Take>
ApiResult<void> each_block(const Members& owner, std::string_view name, const Json& blocks,
                           Take take) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const Members block(blocks[i], fmt::format("{}.{}", owner.path(name), i));
    API_TRY_ASSIGN(const std::string type, block_type(block));
    API_TRY(take(block, type));
  }
  return {};
}

// A string, or an array of text blocks; nothing if it is absent.
ApiResult<std::string> plain_text(const Members& owner, std::string_view name) {
  const Json* member = owner.given(name);
  if (member == nullptr) return "";
  if (member->is_string()) return member->get<std::string>();
  if (!member->is_array()) {
    return tl::unexpected(owner.wrong(name, "a string or an array of blocks"));
  }
  std::string out;
  API_TRY(each_block(owner, name, *member,
                     [&](const Members& block, const std::string& type) -> ApiResult<void> {
                       if (type != "text") return tl::unexpected(not_taken(block, type));
                       API_TRY_ASSIGN(const std::string text, text_of(block));
                       out += text;
                       return {};
                     }));
  return out;
}

// Takes messages one after another. Every call of a tool is answered before anything else is said.
class Turns {
 public:
  ApiResult<void> add(const Members& message);
  ApiResult<std::vector<engine::Message>> take(const Members& body);
  void add_system(std::string text) {
    said_.push_back({.role = "system", .content = std::move(text)});
  }

 private:
  using Block = ApiResult<void> (Turns::*)(const Members& block, const std::string& type);

  ApiResult<void> add_user_block(const Members& block, const std::string& type);
  ApiResult<void> add_assistant_block(const Members& block, const std::string& type);
  ApiResult<void> add_result(const Members& block);
  ApiResult<void> add_call(const Members& block);
  ApiResult<void> add_thoughts(const Members& block);
  // What the role says goes on, unless another said something since.
  engine::Message& turn_of(const std::string& role);
  ApiResult<void> all_answered(const std::string& where) const;

  std::vector<engine::Message> said_;
  std::vector<engine::ToolCall> open_calls_;
  bool new_message_ = true;
};

ApiResult<void> Turns::add(const Members& message) {
  API_TRY(only(message, {"role", "content"}));
  const Json* role = message.given("role");
  if (role == nullptr) return tl::unexpected(field_required(message, "role"));
  if (*role != "user" && *role != "assistant") {
    return tl::unexpected(message.wrong("role", "\"user\" or \"assistant\""));
  }
  const Json* content = message.given("content");
  if (content == nullptr) return tl::unexpected(field_required(message, "content"));
  if (!content->is_string() && !content->is_array()) {
    return tl::unexpected(message.wrong("content", "a string or an array of blocks"));
  }
  const bool nothing =
      content->is_string() ? content->get_ref<const std::string&>().empty() : content->empty();
  if (nothing) return tl::unexpected(message.wrong("content", "non-empty"));
  new_message_ = true;
  const bool user = *role == "user";
  if (!user) API_TRY(all_answered(message.path("content")));
  if (content->is_string()) {
    if (user) API_TRY(all_answered(message.path("content")));
    turn_of(role->get<std::string>()).content += content->get_ref<const std::string&>();
    return {};
  }
  const Block add_block = user ? &Turns::add_user_block : &Turns::add_assistant_block;
  return each_block(message, "content", *content,
                    [&](const Members& block, const std::string& type) {
                      return (this->*add_block)(block, type);
                    });
}

engine::Message& Turns::turn_of(const std::string& role) {
  const bool goes_on = !said_.empty() && said_.back().role == role;
  if (!goes_on) said_.push_back({.role = role, .content = ""});
  if (goes_on && new_message_ && !said_.back().content.empty()) said_.back().content += "\n\n";
  new_message_ = false;
  return said_.back();
}

ApiResult<void> Turns::add_user_block(const Members& block, const std::string& type) {
  if (type == "tool_result") return add_result(block);
  if (type != "text") return tl::unexpected(not_taken(block, type));
  API_TRY(all_answered(block.path("type")));
  API_TRY_ASSIGN(const std::string text, text_of(block));
  turn_of("user").content += text;
  return {};
}

ApiResult<void> Turns::add_assistant_block(const Members& block, const std::string& type) {
  if (type == "tool_use") return add_call(block);
  if (type == "thinking") return add_thoughts(block);
  if (type != "text") return tl::unexpected(not_taken(block, type));
  API_TRY_ASSIGN(const std::string text, text_of(block));
  turn_of("assistant").content += text;
  return {};
}

ApiResult<void> Turns::add_result(const Members& block) {
  API_TRY(only(block, {"type", "tool_use_id", "content", "is_error", "cache_control"}));
  API_TRY_ASSIGN(const auto id, block.text("tool_use_id", 1, kMaxIdBytes));
  if (!id) return tl::unexpected(field_required(block, "tool_use_id"));
  const auto call = std::ranges::find(open_calls_, *id, &engine::ToolCall::id);
  if (call == open_calls_.end()) {
    return tl::unexpected(invalid_request(
        block.path("tool_use_id") +
            ": each 'tool_result' must answer a 'tool_use' of the message before, once",
        block.path("tool_use_id")));
  }
  API_TRY_ASSIGN(const bool failed, block.boolean("is_error", false));
  API_TRY_ASSIGN(std::string text, plain_text(block, "content"));
  // Templates have no other place for it.
  if (failed) text.insert(0, "Error: ");
  said_.push_back(
      {.role = "tool", .content = std::move(text), .tool_call_id = call->id, .name = call->name});
  open_calls_.erase(call);
  return {};
}

ApiResult<void> Turns::add_call(const Members& block) {
  API_TRY(only(block, {"type", "id", "name", "input", "cache_control"}));
  API_TRY_ASSIGN(auto id, block.text("id", 1, kMaxIdBytes));
  if (!id) return tl::unexpected(field_required(block, "id"));
  API_TRY_ASSIGN(auto name, block.text("name", 1, kMaxNameBytes));
  if (!name) return tl::unexpected(field_required(block, "name"));
  API_TRY_ASSIGN(const auto input, block.object("input"));
  if (!input) return tl::unexpected(field_required(block, "input"));
  if (std::ranges::find(open_calls_, *id, &engine::ToolCall::id) != open_calls_.end()) {
    return tl::unexpected(block.wrong("id", "unique"));
  }
  open_calls_.push_back(
      {.id = *std::move(id), .name = *std::move(name), .arguments = json::compact(input->json())});
  turn_of("assistant").tool_calls.push_back(open_calls_.back());
  return {};
}

// The signature is of no use to us: thoughts come from whoever sends the conversation, as all of it
// does.
ApiResult<void> Turns::add_thoughts(const Members& block) {
  API_TRY(only(block, {"type", "thinking", "signature"}));
  const Json* thoughts = block.given("thinking");
  if (thoughts == nullptr) return tl::unexpected(field_required(block, "thinking"));
  if (!thoughts->is_string()) return tl::unexpected(block.wrong("thinking", "a string"));
  turn_of("assistant").reasoning += thoughts->get_ref<const std::string&>();
  return {};
}

ApiResult<void> Turns::all_answered(const std::string& where) const {
  if (open_calls_.empty()) return {};
  return tl::unexpected(invalid_request(
      where + ": every 'tool_use' needs a 'tool_result' at the beginning of the next message",
      where));
}

ApiResult<std::vector<engine::Message>> Turns::take(const Members& body) {
  API_TRY(all_answered("messages"));
  if (said_.back().role == "assistant") {
    return tl::unexpected(
        body.wrong("messages",
                   "a conversation that ends with the user: answers cannot be begun for the "
                   "model here"));
  }
  return std::move(said_);
}

}  // namespace

ApiResult<std::vector<engine::Message>> parse_conversation(const Members& body) {
  const Json* list = body.given("messages");
  if (list == nullptr) return tl::unexpected(field_required(body, "messages"));
  if (!list->is_array() || list->empty() || list->size() > kMaxMessages) {
    return tl::unexpected(
        body.wrong("messages", fmt::format("an array of 1 to {} messages", kMaxMessages)));
  }
  Turns turns;
  API_TRY_ASSIGN(std::string system, plain_text(body, "system"));
  if (!system.empty()) turns.add_system(std::move(system));
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string where = fmt::format("messages.{}", i);
    if (!(*list)[i].is_object()) {
      return tl::unexpected(invalid_request(fmt::format("'{}' must be an object.", where), where));
    }
    API_TRY(turns.add(Members((*list)[i], where)));
  }
  return turns.take(body);
}

}  // namespace confide::api
