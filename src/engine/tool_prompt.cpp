#include "engine/tool_prompt.h"

#include <chat-peg-parser.h>
#include <fmt/format.h>
#include <json-schema-to-grammar.h>

#include <algorithm>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "engine/chat_template.h"
#include "engine/llama_guard.h"

namespace confide::engine {
namespace {

constexpr const char* kCallStart = "<tool_call>";
constexpr const char* kCallEnd = "</tool_call>";

Result<std::string> told(const Conversation& conversation) {
  std::string text =
      "You can call these functions, here with the JSON schemas of their arguments:\n";
  for (const Tool& tool : conversation.tools) {
    TRY_ASSIGN(const Json parameters, parameters_of(tool));
    const Json told{
        {"name", tool.name}, {"description", tool.description}, {"parameters", parameters}};
    text.append(json::compact(told)).append("\n");
  }
  text += fmt::format(
      "To call a function, write {}{{\"name\": \"its name\", \"arguments\": {{...}}}}{}\n",
      kCallStart, kCallEnd);
  text += conversation.parallel_tool_calls ? "You can make several calls, one after the other. "
                                           : "Make one call at most. ";
  text += conversation.tool_use == ToolUse::required ? "You must call a function now."
                                                     : "If no function helps, just answer.";
  return text;
}

void write_out_calls(Message& message) {
  for (const ToolCall& call : message.tool_calls) {
    if (!message.content.empty()) message.content += "\n";
    message.content += fmt::format("{}{{\"name\": {}, \"arguments\": {}}}{}", kCallStart,
                                   json::compact(Json(call.name)), call.arguments, kCallEnd);
  }
  message.tool_calls.clear();
}

// As the user's, answers to several calls in one message: many templates want users and
// assistants to take turns.
void write_out_answer(Message answer, std::vector<Message>& out) {
  std::string text = fmt::format("<tool_response>\n{}\n</tool_response>", answer.content);
  const bool follows =
      !out.empty() && out.back().role == "user" && out.back().content.ends_with("</tool_response>");
  if (follows) {
    out.back().content.append("\n").append(text);
  } else {
    out.push_back({.role = "user", .content = std::move(text)});
  }
}

common_json tools_json(const std::vector<Tool>& tools) {
  std::vector<common_chat_tool> out;
  for (const Tool& tool : tools) {
    out.push_back({tool.name, tool.description, tool.parameters});
  }
  return common_chat_tools_to_json_oaicompat(out);
}

common_peg_parser thoughts(common_chat_peg_builder& p, const common_chat_params& terms) {
  if (terms.thinking_start_tag.empty() || terms.thinking_end_tags.empty()) return p.eps();
  const std::string& end = terms.thinking_end_tags.front();
  return p.optional(p.space() + p.literal(terms.thinking_start_tag) + p.reasoning(p.until(end)) +
                    p.literal(end) + p.space());
}

common_peg_arena parser_of(const common_chat_params& terms, const Conversation& conversation) {
  return build_chat_peg_parser([&](common_chat_peg_builder& p) {
    const common_peg_parser call =
        p.standard_json_tools(kCallStart, kCallEnd, tools_json(conversation.tools),
                              /*parallel_tool_calls=*/false, /*force_tool_calls=*/true);
    const common_peg_parser calls =
        conversation.parallel_tool_calls
            ? p.trigger_rule("tool-calls", call + p.zero_or_more(p.space() + call))
            : call;
    const common_peg_parser start =
        p.prefix(terms.generation_prompt, terms.thinking_start_tag) + thoughts(p, terms);
    if (conversation.tool_use == ToolUse::required) return start + calls + p.space() + p.end();
    if (!conversation.answer_schema.empty()) {
      const common_peg_parser answer =
          p.content(p.schema(p.json(), "answer", common_json::parse(conversation.answer_schema)));
      return start + p.choice({calls, answer}) + p.space() + p.end();
    }
    return start + p.content(p.until(kCallStart)) + p.optional(calls) + p.space() + p.end();
  });
}

}  // namespace

Result<Conversation> in_plain_words(Conversation conversation) {
  std::vector<Message> messages;
  if (!conversation.tools.empty() && conversation.tool_use != ToolUse::none) {
    TRY_ASSIGN(std::string text, told(conversation));
    const bool has_system =
        !conversation.messages.empty() && (conversation.messages.front().role == "system" ||
                                           conversation.messages.front().role == "developer");
    if (has_system) {
      conversation.messages.front().content.append("\n\n").append(text);
    } else {
      messages.push_back({.role = "system", .content = std::move(text)});
    }
  }
  for (Message& message : conversation.messages) {
    write_out_calls(message);
    if (message.role == "tool") {
      write_out_answer(std::move(message), messages);
    } else {
      messages.push_back(std::move(message));
    }
  }
  conversation.messages = std::move(messages);
  conversation.tools.clear();
  conversation.answer_schema.clear();
  return conversation;
}

Result<common_chat_params> with_plain_calls(common_chat_params plain,
                                            const Conversation& conversation) {
  const bool forced =
      conversation.tool_use == ToolUse::required || !conversation.answer_schema.empty();
  const LlamaGuard guard;
  try {
    const common_peg_arena parser = parser_of(plain, conversation);
    plain.parser = parser.save();
    plain.format = COMMON_CHAT_FORMAT_PEG_NATIVE;
    plain.grammar_lazy = !forced;
    plain.grammar = build_grammar([&](const common_grammar_builder& builder) {
      parser.build_grammar(builder, plain.grammar_lazy);
    });
    plain.grammar_triggers.clear();
    if (!forced) {
      plain.grammar_triggers.push_back({COMMON_GRAMMAR_TRIGGER_TYPE_WORD, kCallStart});
    }
    return plain;
  } catch (const std::exception&) {
    return fail(Errc::malformed, "tools or a schema that cannot be followed");
  }
}

}  // namespace confide::engine
