#include "engine/chat_formats.h"

#include <exception>
#include <utility>

#include "engine/llama_guard.h"

namespace confide::engine {
namespace {

common_chat_tool_choice choice_of(ToolUse use) {
  switch (use) {
    case ToolUse::none:
      return COMMON_CHAT_TOOL_CHOICE_NONE;
    case ToolUse::allowed:
      return COMMON_CHAT_TOOL_CHOICE_AUTO;
    case ToolUse::required:
      return COMMON_CHAT_TOOL_CHOICE_REQUIRED;
  }
  return COMMON_CHAT_TOOL_CHOICE_NONE;
}

common_chat_msg message_of(const Message& message) {
  common_chat_msg out;
  out.role = message.role;
  out.content = message.content;
  out.reasoning_content = message.reasoning;
  out.tool_name = message.name;
  out.tool_call_id = message.tool_call_id;
  for (const ToolCall& call : message.tool_calls) {
    out.tool_calls.push_back({.name = call.name, .arguments = call.arguments, .id = call.id});
  }
  return out;
}

common_chat_templates_inputs inputs_of(const Conversation& conversation) {
  common_chat_templates_inputs inputs;
  for (const Message& m : conversation.messages) inputs.messages.push_back(message_of(m));
  if (conversation.tool_use != ToolUse::none) {
    for (const Tool& tool : conversation.tools) {
      inputs.tools.push_back({tool.name, tool.description, tool.parameters});
    }
  }
  inputs.tool_choice = choice_of(conversation.tool_use);
  inputs.parallel_tool_calls = conversation.parallel_tool_calls;
  inputs.json_schema = conversation.answer_schema;
  inputs.enable_thinking = conversation.thinking;
  inputs.reasoning_format = COMMON_REASONING_FORMAT_AUTO;
  return inputs;
}

}  // namespace

Result<ChatFormats> ChatFormats::of(const TemplateSource& source) {
  common_chat_templates_ptr templates;
  {
    const LlamaGuard guard;
    try {
      templates =
          common_chat_templates_init(nullptr, source.text, source.start_token, source.end_token);
    } catch (const std::exception&) {
      return fail(Errc::malformed, "the model's chat template does not parse");
    }
  }
  ChatFormats made(std::move(templates));
  made.plain_ = made.is_plain();
  made.can_require_calls_ = made.requires_calls();
  return made;
}

ChatFormats::ChatFormats(common_chat_templates_ptr templates) : templates_(std::move(templates)) {}

Result<common_chat_params> ChatFormats::apply(const Conversation& conversation) const {
  const LlamaGuard guard;
  try {
    return common_chat_templates_apply(templates_.get(), inputs_of(conversation));
  } catch (const std::exception&) {  // what it says quotes the conversation
    return fail(Errc::malformed,
                "the model's chat template does not go with these tools or schema");
  }
}

// Tried out on a text with everything in it that parsers stumble over.
bool ChatFormats::is_plain() const {
  const std::string text = " A <b> [1] {\"a\": 1}\n\n```json\n{}```\n";
  const auto terms = apply({.messages = {{.role = "user", .content = "Hello"}}});
  if (!terms || terms->parser.empty()) return true;
  if (terms->supports_thinking || !terms->additional_stops.empty()) return false;
  const LlamaGuard guard;
  try {
    common_peg_arena parser;
    parser.load(terms->parser);
    const common_chat_parser_params params(*terms);
    return common_chat_peg_parse(parser, text, /*is_partial=*/false, params).content == text;
  } catch (const std::exception&) {
    return false;
  }
}

bool ChatFormats::requires_calls() const {
  const Tool tool{.name = "look", .description = "Looks.", .parameters = R"({"type":"object"})"};
  const auto terms = apply({.messages = {{.role = "user", .content = "Hello"}},
                            .tools = {tool},
                            .tool_use = ToolUse::required});
  return terms && !terms->grammar.empty() && !terms->grammar_lazy;
}

}  // namespace confide::engine
