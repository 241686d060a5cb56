// An answer as Anthropic writes it: blocks of thoughts, text and calls, one after another.
#include <optional>
#include <utility>

#include "api/messages.h"

namespace confide::api {
namespace {

// As Anthropic counts: what was found in the cache is no part of the input's other tokens.
Json usage_json(const engine::Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.cached_tokens},
          {"output_tokens", usage.completion_tokens}};
}

// Nothing if they are no object: such a call was cut off.
std::optional<Json> input_of(const engine::ToolCall& call, engine::Finish finish) {
  if (call.arguments.empty() && finish == engine::Finish::stop) return Json::object();
  auto input = json::parse(call.arguments);
  if (!input || !input->is_object()) return std::nullopt;
  return *std::move(input);
}

class MessagesShape final : public AnswerShape {
 public:
  MessagesShape(AnswerHead head, std::vector<std::string> stops)
      : head_(std::move(head)), stops_(std::move(stops)) {}

  Json whole(std::vector<ChoiceAnswer> choices, const engine::Usage& usage) override {
    ChoiceAnswer& answer = choices.front();
    Json content = Json::array();
    if (!answer.reasoning.empty()) {
      content.push_back(
          {{"type", "thinking"}, {"thinking", std::move(answer.reasoning)}, {"signature", ""}});
    }
    if (!answer.content.empty()) {
      content.push_back({{"type", "text"}, {"text", std::move(answer.content)}});
    }
    for (engine::ToolCall& call : answer.tool_calls) {
      auto input = input_of(call, answer.finish);
      if (!input) continue;
      called_ = true;
      content.push_back({{"type", "tool_use"},
                         {"id", std::move(call.id)},
                         {"name", std::move(call.name)},
                         {"input", *std::move(input)}});
    }
    finish_ = answer.finish;
    Json out = message(std::move(content), usage_json(usage));
    out.update(stop_json(usage));
    return out;
  }

  StreamEvents begin(std::size_t /*choices*/) override {
    const engine::Usage so_far{.prompt_tokens = head_.prompt_tokens};
    StreamEvents out;
    out.push_back(
        event("message_start", {{"message", message(Json::array(), usage_json(so_far))}}));
    out.push_back(event("ping", Json::object()));
    return out;
  }

  StreamEvents add(std::size_t /*choice*/, ChoiceDelta delta) override {
    StreamEvents out;
    if (!delta.answer.reasoning.empty()) {
      enter({Kind::thinking, 0}, {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}}, out);
      piece("thinking", std::move(delta.answer.reasoning), "thinking_delta", out);
    }
    if (!delta.answer.content.empty()) {
      enter({Kind::text, 0}, {{"type", "text"}, {"text", ""}}, out);
      piece("text", std::move(delta.answer.content), "text_delta", out);
    }
    for (engine::ToolCallDelta& call : delta.answer.tool_calls) {
      called_ = true;
      enter({Kind::call, call.index},
            {{"type", "tool_use"},
             {"id", std::move(call.id)},
             {"name", std::move(call.name)},
             {"input", Json::object()}},
            out);
      if (call.arguments.empty()) continue;
      piece("partial_json", std::move(call.arguments), "input_json_delta", out);
    }
    return out;
  }

  StreamEvents end_choice(std::size_t /*choice*/, engine::Finish finish) override {
    finish_ = finish;
    StreamEvents out;
    leave(out);
    return out;
  }
  StreamEvents end(const engine::Usage& usage) override {
    StreamEvents out;
    out.push_back(
        event("message_delta", {{"delta", stop_json(usage)}, {"usage", usage_json(usage)}}));
    out.push_back(event("message_stop", Json::object()));
    return out;
  }
  StreamEvents fail(const ApiError& error) override {
    return {{.name = "error", .data = anthropic_error_json(error, head_.request_id)}};
  }
  std::string_view terminator() const noexcept override { return ""; }

 private:
  enum class Kind { thinking, text, call };
  using Block = std::pair<Kind, std::size_t>;  // of calls, which

  static StreamEvent event(std::string_view name, Json members) {
    Json data = {{"type", name}};
    data.update(members);
    return {.name = std::string(name), .data = std::move(data)};
  }
  Json message(Json content, Json usage) const {
    Json out = {{"id", head_.id},
                {"type", "message"},
                {"role", "assistant"},
                {"model", head_.model},
                {"content", std::move(content)},
                {"stop_reason", nullptr},
                {"stop_sequence", nullptr},
                {"usage", std::move(usage)}};
    out["usage"]["service_tier"] = "standard";
    return out;
  }
  Json stop_json(const engine::Usage& usage) const {
    Json out = {{"stop_reason", called_ ? "tool_use" : "end_turn"}, {"stop_sequence", nullptr}};
    if (finish_ == engine::Finish::length) {
      out["stop_reason"] = "max_tokens";
    } else if (usage.stopped_by) {
      out["stop_reason"] = "stop_sequence";
      out["stop_sequence"] = stops_.at(*usage.stopped_by);
    }
    return out;
  }

  // One block is open at a time.
  void enter(Block block, Json content_block, StreamEvents& out) {
    if (open_ == block) return;
    leave(out);
    open_ = block;
    out.push_back(event("content_block_start",
                        {{"index", index_}, {"content_block", std::move(content_block)}}));
  }
  void leave(StreamEvents& out) {
    if (!open_) return;
    out.push_back(event("content_block_stop", {{"index", index_++}}));
    open_.reset();
  }
  void piece(const char* member, std::string text, std::string_view type, StreamEvents& out) {
    Json delta = {{"type", type}};
    delta[member] = std::move(text);
    out.push_back(event("content_block_delta", {{"index", index_}, {"delta", std::move(delta)}}));
  }

  const AnswerHead head_;
  const std::vector<std::string> stops_;
  std::optional<Block> open_;
  std::size_t index_ = 0;  // of the open block, or the next
  bool called_ = false;    // a tool
  engine::Finish finish_ = engine::Finish::stop;
};

}  // namespace

std::unique_ptr<AnswerShape> make_messages_shape(AnswerHead head, std::vector<std::string> stops) {
  return std::make_unique<MessagesShape>(std::move(head), std::move(stops));
}

}  // namespace confide::api
