#include <fmt/format.h>

#include "api/openai_logprobs.h"
#include "api/openai_responses.h"

namespace confide::api {
namespace {

enum class ItemKind { reasoning, message, call };

// One entry of `output` as it grows.
struct Item {
  ItemKind kind = ItemKind::message;
  std::string id;
  std::string text;  // of a message or a thought; a call's arguments
  std::string call_id, name;
  std::vector<engine::TokenReport> tokens;
};

Json tokens_json(const std::vector<engine::TokenReport>& tokens) {
  return chat_logprobs(tokens)["content"];
}

Json part_json(const Item& item) {
  if (item.kind == ItemKind::reasoning) return {{"type", "reasoning_text"}, {"text", item.text}};
  return {{"type", "output_text"},
          {"text", item.text},
          {"annotations", Json::array()},
          {"logprobs", tokens_json(item.tokens)}};
}

Json item_json(const Item& item, std::string_view status) {
  Json out = {{"id", item.id}};
  switch (item.kind) {
    case ItemKind::reasoning:
      out["type"] = "reasoning";
      out["status"] = status;
      out["summary"] = Json::array();
      out["content"] = Json::array({part_json(item)});
      return out;
    case ItemKind::message:
      out["type"] = "message";
      out["status"] = status;
      out["role"] = "assistant";
      out["content"] = Json::array({part_json(item)});
      return out;
    case ItemKind::call:
      out["type"] = "function_call";
      out["status"] = status;
      out["call_id"] = item.call_id;
      out["name"] = item.name;
      out["arguments"] = item.text;
      return out;
  }
  return out;
}

Json usage_json(const engine::Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens},
          {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"output_tokens", usage.completion_tokens},
          {"output_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

class ResponseShape final : public AnswerShape {
 public:
  ResponseShape(AnswerHead head, ResponseEcho echo)
      : head_(std::move(head)), echo_(std::move(echo)) {}

  Json whole(std::vector<ChoiceAnswer> choices, const engine::Usage& usage) override {
    ChoiceAnswer& answer = choices.front();
    if (!answer.reasoning.empty()) open(ItemKind::reasoning).text = std::move(answer.reasoning);
    if (!answer.content.empty()) {
      Item& message = open(ItemKind::message);
      message.text = std::move(answer.content);
      if (echo_.logprobs) message.tokens = std::move(answer.tokens);
    }
    for (engine::ToolCall& call : answer.tool_calls) {
      Item& item = open(ItemKind::call);
      item.call_id = std::move(call.id);
      item.name = std::move(call.name);
      item.text = std::move(call.arguments);
    }
    finish_ = answer.finish;
    return response(status(), &usage);
  }

  StreamEvents begin(std::size_t /*choices*/) override {
    emit("response.created", {{"response", response("in_progress", nullptr)}});
    emit("response.in_progress", {{"response", response("in_progress", nullptr)}});
    return take();
  }

  StreamEvents add(std::size_t /*choice*/, ChoiceDelta delta) override {
    if (!delta.answer.reasoning.empty()) {
      continue_item(ItemKind::reasoning).text += delta.answer.reasoning;
      emit_delta("response.reasoning_text.delta", delta.answer.reasoning);
    }
    if (!delta.answer.content.empty()) {
      Item& item = continue_item(ItemKind::message);
      item.text += delta.answer.content;
      if (echo_.logprobs) {
        item.tokens.insert(item.tokens.end(), delta.tokens.begin(), delta.tokens.end());
      } else {
        delta.tokens.clear();
      }
      emit_delta("response.output_text.delta", delta.answer.content, tokens_json(delta.tokens));
    }
    for (const engine::ToolCallDelta& call : delta.answer.tool_calls) add_call(call);
    return take();
  }

  StreamEvents end_choice(std::size_t /*choice*/, engine::Finish finish) override {
    finish_ = finish;
    close();
    return take();
  }

  StreamEvents end(const engine::Usage& usage) override {
    const std::string_view how = status();
    emit(fmt::format("response.{}", how), {{"response", response(how, &usage)}});
    return take();
  }

  StreamEvents fail(const ApiError& error) override {
    emit("error", {{"code", error.code.empty() ? error.type : error.code},
                   {"message", error.message},
                   {"param", nullptr}});
    return take();
  }
  std::string_view terminator() const noexcept override { return ""; }

 private:
  std::string_view status() const {
    return finish_ == engine::Finish::length ? "incomplete" : "completed";
  }

  // `usage` only at the end.
  Json response(std::string_view status, const engine::Usage* usage) const {
    Json out = {{"id", head_.id},      {"object", "response"}, {"created_at", head_.created},
                {"status", status},    {"error", nullptr},     {"incomplete_details", nullptr},
                {"model", head_.model}};
    if (status == "incomplete") out["incomplete_details"] = {{"reason", "max_output_tokens"}};
    out["output"] = Json::array();
    // Only what came last can have been cut off.
    for (std::size_t i = 0; usage != nullptr && i < items_.size(); ++i) {
      out["output"].push_back(item_json(items_[i], i + 1 == items_.size() ? status : "completed"));
    }
    out.update(echo_.members);
    out["usage"] = usage != nullptr ? usage_json(*usage) : Json(nullptr);
    return out;
  }

  Item& open(ItemKind kind) {
    const std::string_view prefix = kind == ItemKind::reasoning ? "rs"
                                    : kind == ItemKind::message ? "msg"
                                                                : "fc";
    const std::string_view answer = std::string_view(head_.id).substr(head_.id.find('_') + 1);
    items_.push_back({.kind = kind,
                      .id = fmt::format("{}_{}{:02x}", prefix, answer, items_.size()),
                      .text = "",
                      .call_id = "",
                      .name = "",
                      .tokens = {}});
    return items_.back();
  }

  // The item that text of this kind belongs to; a new one if another was open.
  Item& continue_item(ItemKind kind) {
    if (open_ && items_.back().kind == kind) return items_.back();
    close();
    Item& item = open(kind);
    open_ = true;
    Json bare = item_json(item, "in_progress");
    bare["content"] = Json::array();
    emit("response.output_item.added", {{"output_index", index()}, {"item", std::move(bare)}});
    emit("response.content_part.added", at_part({{"part", part_json(item)}}));
    return item;
  }

  void add_call(const engine::ToolCallDelta& call) {
    if (!open_ || items_.back().kind != ItemKind::call || call.index != call_index_) {
      close();
      Item& item = open(ItemKind::call);
      item.call_id = call.id;
      item.name = call.name;
      call_index_ = call.index;
      open_ = true;
      emit("response.output_item.added",
           {{"output_index", index()}, {"item", item_json(item, "in_progress")}});
    }
    if (call.arguments.empty()) return;
    items_.back().text += call.arguments;
    emit("response.function_call_arguments.delta", at_item({{"delta", call.arguments}}));
  }

  void close() {
    if (!std::exchange(open_, false)) return;
    const Item& item = items_.back();
    if (item.kind == ItemKind::call) {
      emit("response.function_call_arguments.done",
           at_item({{"name", item.name}, {"arguments", item.text}}));
    } else {
      Json done = at_part({{"text", item.text}});
      if (item.kind == ItemKind::message) done["logprobs"] = tokens_json(item.tokens);
      emit(item.kind == ItemKind::message ? "response.output_text.done"
                                          : "response.reasoning_text.done",
           std::move(done));
      emit("response.content_part.done", at_part({{"part", part_json(item)}}));
    }
    const std::string_view how = finish_ == engine::Finish::length ? "incomplete" : "completed";
    emit("response.output_item.done", {{"output_index", index()}, {"item", item_json(item, how)}});
  }

  std::size_t index() const { return items_.size() - 1; }
  Json at_item(Json members) const {
    Json out = {{"item_id", items_.back().id}, {"output_index", index()}};
    out.update(members);
    return out;
  }
  Json at_part(Json members) const {
    Json out = at_item({{"content_index", 0}});
    out.update(members);
    return out;
  }
  void emit_delta(std::string_view type, const std::string& text, Json logprobs = nullptr) {
    Json data = at_part({{"delta", text}});
    if (!logprobs.is_null()) data["logprobs"] = std::move(logprobs);
    emit(std::string(type), std::move(data));
  }
  void emit(std::string type, Json members) {
    Json data = {{"type", type}, {"sequence_number", sequence_++}};
    data.update(members);
    events_.push_back({.name = std::move(type), .data = std::move(data)});
  }
  StreamEvents take() { return std::exchange(events_, {}); }

  const AnswerHead head_;
  const ResponseEcho echo_;
  std::vector<Item> items_;
  bool open_ = false;  // the last item
  std::size_t call_index_ = 0;
  engine::Finish finish_ = engine::Finish::stop;
  int sequence_ = 0;
  StreamEvents events_;
};

}  // namespace

std::unique_ptr<AnswerShape> make_response_shape(AnswerHead head, ResponseEcho echo) {
  return std::make_unique<ResponseShape>(std::move(head), std::move(echo));
}

}  // namespace confide::api
