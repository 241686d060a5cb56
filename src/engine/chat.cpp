#include "engine/chat.h"

#include <json-schema-to-grammar.h>

#include <algorithm>
#include <exception>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/secret.h"
#include "engine/answer_schema.h"
#include "engine/llama_guard.h"
#include "engine/tool_prompt.h"

namespace confide::engine {
namespace {

constexpr std::size_t kMaxTools = 128;

bool uses_tools(const Conversation& conversation) {
  return !conversation.tools.empty() && conversation.tool_use != ToolUse::none;
}

bool speaks_of_calls(const Conversation& conversation) {
  return std::ranges::any_of(conversation.messages, [](const Message& m) {
    return m.role == "tool" || !m.tool_calls.empty();
  });
}

bool is_tool_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

// llama.cpp names the rules of its grammars after tools: tool-NAME, tool-NAME-schema,
// tool-NAME-arg-..., with - for _.
bool would_mix(const std::string& name, const std::string& other) {
  return name == other || name.starts_with(other + "-schema") || name.starts_with(other + "-arg");
}

Status check_tools(const std::vector<Tool>& tools) {
  if (tools.size() > kMaxTools) return fail(Errc::limit, "more than 128 tools");
  std::vector<std::string> names;
  for (const Tool& tool : tools) {
    if (!is_tool_name(tool.name)) {
      return fail(Errc::malformed, "tool names are 1 to 64 of a-z, A-Z, 0-9, _ and -");
    }
    std::string name = tool.name;
    std::ranges::replace(name, '_', '-');
    for (const std::string& other : names) {
      if (would_mix(name, other) || would_mix(other, name)) {
        return fail(Errc::malformed, "two tools whose names are too much alike");
      }
    }
    names.push_back(std::move(name));
  }
  return {};
}

// The same with schemas that llama.cpp follows.
Result<Conversation> mended(const Conversation& conversation) {
  Conversation out = conversation;
  SchemaBudget budget;
  for (Tool& tool : out.tools) {
    TRY_ASSIGN(Json parameters, parameters_of(tool));
    TRY_ASSIGN(const Json schema, lenient_schema(std::move(parameters), budget));
    tool.parameters = json::compact(schema);
  }
  if (!out.answer_schema.empty()) {
    TRY_ASSIGN(const Json schema, strict_schema(out.answer_schema, budget));
    out.answer_schema = json::compact(schema);
  }
  return out;
}

std::string joined(const std::vector<PromptPart>& parts) {
  std::string out;
  for (const PromptPart& part : parts) out += part.text;
  return out;
}

void wipe_all(std::vector<PromptPart>& parts) {
  for (PromptPart& part : parts) wipe(part.text);
}

// What llama.cpp says about answers holds for the prompt that it renders.
Status check_same(std::vector<PromptPart> ours, std::string& theirs) {
  std::string text = joined(ours);
  wipe_all(ours);
  const bool same = text == theirs;
  wipe(text);
  wipe(theirs);
  if (same) return {};
  return fail(Errc::malformed, "tools and schemas are not supported with this model's template");
}

Result<std::string> grammar_of(const std::string& schema) {
  const LlamaGuard guard;
  try {
    return json_schema_to_grammar(common_json::parse(schema));
  } catch (const std::exception&) {
    return fail(Errc::malformed, "a JSON schema that cannot be followed");
  }
}

}  // namespace

Result<Chat> Chat::of(const LlamaModel& model) {
  TRY_ASSIGN(ChatTemplate usual, ChatTemplate::of(model));
  TRY_ASSIGN(ChatTemplate for_tools, ChatTemplate::for_tools_of(model));
  Chat chat(model);
  const bool same = usual.source().text == for_tools.source().text;
  TRY_ASSIGN(chat.usual_, chat.dialect_of(std::move(usual)));
  chat.for_tools_ = chat.usual_;
  if (!same) {
    TRY_ASSIGN(chat.for_tools_, chat.dialect_of(std::move(for_tools)));
  }
  return chat;
}

Result<Chat> Chat::with_template(const LlamaModel& model, const std::string& text) {
  TRY_ASSIGN(const ChatTemplate own, ChatTemplate::of(model));
  TemplateSource source = own.source();
  source.text = text;
  TRY_ASSIGN(ChatTemplate usual,
             ChatTemplate::from(std::move(source), ControlTokens::of(model.vocabulary())));
  Chat chat(model);
  TRY_ASSIGN(chat.usual_, chat.dialect_of(std::move(usual)));
  chat.for_tools_ = chat.usual_;
  return chat;
}

Chat::Chat(const LlamaModel& model)
    : model_(model), texts_(std::make_shared<const TokenTexts>(model)) {}

Result<std::shared_ptr<const Chat::Dialect>> Chat::dialect_of(ChatTemplate ours) const {
  TRY_ASSIGN(ChatFormats theirs, ChatFormats::of(ours.source()));
  auto dialect = std::make_shared<Dialect>(Dialect{std::move(ours), std::move(theirs), {}});
  if (dialect->theirs.plain()) return dialect;
  for (const bool thinking : {false, true}) {
    const Conversation hello{.messages = {{.role = "user", .content = "Hello"}},
                             .thinking = thinking};
    TRY_ASSIGN(common_chat_params terms, dialect->theirs.apply(hello));
    TRY_ASSIGN(dialect->usual.at(thinking ? 1 : 0), format_of(std::move(terms), true));
  }
  return dialect;
}

Result<Chat::Prompt> Chat::prepare(const Conversation& conversation) const {
  const bool tools = uses_tools(conversation);
  if (tools) TRY(check_tools(conversation.tools));
  const Dialect& dialect = tools ? *for_tools_ : *usual_;
  if (tools) return with_tools(dialect, conversation);
  if (!conversation.answer_schema.empty()) return with_schema(dialect, conversation);
  return without(dialect, conversation);
}

Result<Chat::Prompt> Chat::render(const Dialect& dialect, const Conversation& conversation) const {
  TRY_ASSIGN(std::vector<PromptPart> parts, dialect.ours.render(conversation));
  return Prompt{.parts = std::move(parts), .format = nullptr};
}

Result<Chat::Prompt> Chat::without(const Dialect& dialect, const Conversation& original) const {
  Conversation conversation = original;
  if (speaks_of_calls(original) && !dialect.ours.knows_tool_calls()) {
    TRY_ASSIGN(conversation, in_plain_words(std::move(conversation)));
  }
  dialect.ours.adapt(conversation.messages);
  TRY_ASSIGN(Prompt prompt, render(dialect, conversation));
  if (dialect.theirs.plain()) return prompt;
  const auto& usual = dialect.usual.at(conversation.thinking ? 1 : 0);
  if (joined(prompt.parts).ends_with(usual->terms().generation_prompt)) {
    prompt.format = usual;
    return prompt;
  }
  TRY_ASSIGN(common_chat_params terms, dialect.theirs.apply(conversation));
  TRY_ASSIGN(prompt.format, format_of(std::move(terms), true));
  return prompt;
}

Result<Chat::Prompt> Chat::with_schema(const Dialect& dialect, const Conversation& original) const {
  TRY_ASSIGN(Conversation conversation, mended(original));
  const std::string schema = conversation.answer_schema;
  if (speaks_of_calls(original) && !dialect.ours.knows_tool_calls()) {
    TRY_ASSIGN(conversation, in_plain_words(std::move(conversation)));
    conversation.answer_schema = schema;
  }
  dialect.ours.adapt(conversation.messages);
  TRY_ASSIGN(Prompt prompt, render(dialect, conversation));
  common_chat_params terms;
  if (dialect.theirs.plain()) {
    TRY_ASSIGN(terms.grammar, grammar_of(schema));
  } else {
    TRY_ASSIGN(terms, dialect.theirs.apply(conversation));
    TRY(check_same(prompt.parts, terms.prompt));
  }
  TRY_ASSIGN(prompt.format, format_of(std::move(terms), true));
  return prompt;
}

// Templates that know no tools, or no schema beside them, are told of both in plain words.
Result<Chat::Prompt> Chat::with_tools(const Dialect& dialect, const Conversation& original) const {
  TRY_ASSIGN(Conversation followed, mended(original));
  if (original.tool_use == ToolUse::required) followed.answer_schema.clear();
  const bool native = dialect.calls_tools() && followed.answer_schema.empty();
  Conversation conversation = original;
  conversation.answer_schema.clear();
  if (!native) {
    TRY_ASSIGN(conversation, in_plain_words(std::move(conversation)));
  }
  dialect.ours.adapt(conversation.messages);
  TRY_ASSIGN(Prompt prompt, render(dialect, conversation));
  Conversation comparable = conversation;
  if (native) comparable.tools = followed.tools;
  TRY_ASSIGN(common_chat_params terms, dialect.theirs.apply(comparable));
  TRY_ASSIGN(Prompt compared, render(dialect, comparable));
  TRY(check_same(std::move(compared.parts), terms.prompt));
  if (!native) {
    TRY_ASSIGN(terms, with_plain_calls(std::move(terms), followed));
  }
  TRY_ASSIGN(prompt.format, format_of(std::move(terms), original.parallel_tool_calls));
  return prompt;
}

Result<std::shared_ptr<const LlamaAnswerFormat>> Chat::format_of(common_chat_params terms,
                                                                 bool several) const {
  wipe(terms.prompt);
  return LlamaAnswerFormat::make(model_, texts_, std::move(terms), several);
}

}  // namespace confide::engine
