#include "engine/chat_template.h"

#include <chat.h>
#include <jinja/caps.h>
#include <jinja/lexer.h>
#include <jinja/parser.h>
#include <jinja/runtime.h>
#include <llama.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <exception>
#include <string_view>
#include <utility>

#include "base/secret.h"
#include "engine/input_guard.h"
#include "engine/llama_guard.h"

namespace confide::engine {
namespace {

constexpr std::array<std::string_view, 5> kRoles{"system", "developer", "user", "assistant",
                                                 "tool"};

std::string token_text(const llama_vocab* vocabulary, Token token) {
  return token < 0 ? std::string() : llama_vocab_get_text(vocabulary, token);
}

jinja::value text_value(const std::string& text) {
  return jinja::mk_val<jinja::value_string>(text);
}

// Marked as input, which Jinja carries through to most results.
jinja::value input_value(const std::string& text) {
  auto value = jinja::mk_val<jinja::value_string>(text);
  value->mark_input();
  return value;
}

// Somebody's JSON. As deep as the parser let it be.
jinja::value json_value(const Json& json, const InputGuard& guard) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return jinja::mk_val<jinja::value_bool>(json.get<bool>());
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return jinja::mk_val<jinja::value_int>(json.get<std::int64_t>());
    case Json::value_t::number_float:
      return jinja::mk_val<jinja::value_float>(json.get<double>());
    case Json::value_t::string:
      return input_value(guard.seal(json.get_ref<const std::string&>()));
    case Json::value_t::array: {
      auto list = jinja::mk_val<jinja::value_array>();
      for (const Json& item : json) list->push_back(json_value(item, guard));
      return list;
    }
    case Json::value_t::object: {
      auto object = jinja::mk_val<jinja::value_object>();
      for (const auto& [name, value] : json.items()) {
        object->insert(input_value(guard.seal(name)), json_value(value, guard));
      }
      return object;
    }
    default:
      return jinja::mk_val<jinja::value_none>();
  }
}

// Content as a list of one text part, for templates that take nothing else.
jinja::value typed_content(const std::string& text) {
  auto part = jinja::mk_val<jinja::value_object>();
  part->insert("type", text_value("text"));
  part->insert("text", input_value(text));
  auto parts = jinja::mk_val<jinja::value_array>();
  parts->push_back(std::move(part));
  return parts;
}

std::string date(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &local)};
}

// Where a template looks for what the assistant thought.
enum class Thoughts {
  usual,     // "reasoning_content"
  thinking,  // "thinking" (LFM2)
  harmony,   // "thinking"; of messages with calls it wants no content (gpt-oss)
};

Thoughts thoughts_of(const std::string& source) {
  const auto has = [&](const char* text) { return source.find(text) != std::string::npos; };
  if (has("<|channel|>")) return Thoughts::harmony;
  if (has("<|tool_list_start|>") || has("List of tools: [")) return Thoughts::thinking;
  return Thoughts::usual;
}

}  // namespace

struct ChatTemplate::Impl {
  Impl(TemplateSource s, ControlTokens c)
      : source(std::move(s)),
        controls(std::move(c)),
        guard(controls, source.text),
        thoughts(thoughts_of(source.text)) {}

  jinja::program program;
  jinja::caps caps;
  TemplateSource source;
  ControlTokens controls;
  InputGuard guard;
  Thoughts thoughts;

  Result<jinja::value> arguments_value(const ToolCall& call) const;
  Result<jinja::value> message_value(const Message& message) const;
  Result<jinja::value> tools_value(const std::vector<Tool>& tools) const;
  Status fill(jinja::context& context, const Conversation& conversation) const;
  std::vector<PromptPart> run(jinja::context& context) const;
  std::string explain(const std::exception& error) const;
};

Result<jinja::value> ChatTemplate::Impl::arguments_value(const ToolCall& call) const {
  if (!caps.supports_object_arguments) return input_value(guard.seal(call.arguments));
  const auto parsed = json::parse(call.arguments);
  if (!parsed) return fail(Errc::malformed, "the arguments of a tool call are no JSON");
  return json_value(*parsed, guard);
}

Result<jinja::value> ChatTemplate::Impl::message_value(const Message& message) const {
  const bool typed = caps.supports_typed_content && !caps.supports_string_content;
  auto value = jinja::mk_val<jinja::value_object>();
  const std::string content = guard.seal_message(message.content);
  value->insert("role", text_value(message.role));
  const bool calls_alone =
      thoughts == Thoughts::harmony && !message.reasoning.empty() && !message.tool_calls.empty();
  if (!calls_alone) {
    value->insert("content", typed ? typed_content(content) : input_value(content));
  }
  if (!message.reasoning.empty()) {
    const std::string reasoning = guard.seal_message(message.reasoning);
    value->insert("reasoning_content", input_value(reasoning));
    if (thoughts != Thoughts::usual) value->insert("thinking", input_value(reasoning));
  }
  if (!message.name.empty()) value->insert("name", input_value(guard.seal(message.name)));
  if (!message.tool_call_id.empty()) {
    value->insert("tool_call_id", input_value(guard.seal(message.tool_call_id)));
  }
  if (message.tool_calls.empty()) return value;
  auto calls = jinja::mk_val<jinja::value_array>();
  for (const ToolCall& call : message.tool_calls) {
    auto function = jinja::mk_val<jinja::value_object>();
    function->insert("name", input_value(guard.seal(call.name)));
    TRY_ASSIGN(const jinja::value arguments, arguments_value(call));
    function->insert("arguments", arguments);
    auto made = jinja::mk_val<jinja::value_object>();
    made->insert("type", text_value("function"));
    made->insert("function", std::move(function));
    if (!call.id.empty()) made->insert("id", input_value(guard.seal(call.id)));
    calls->push_back(std::move(made));
  }
  value->insert("tool_calls", std::move(calls));
  return value;
}

Result<jinja::value> ChatTemplate::Impl::tools_value(const std::vector<Tool>& tools) const {
  auto list = jinja::mk_val<jinja::value_array>();
  for (const Tool& tool : tools) {
    TRY_ASSIGN(const Json parameters, parameters_of(tool));
    auto function = jinja::mk_val<jinja::value_object>();
    function->insert("name", input_value(guard.seal(tool.name)));
    function->insert("description", input_value(guard.seal(tool.description)));
    function->insert("parameters", json_value(parameters, guard));
    auto described = jinja::mk_val<jinja::value_object>();
    described->insert("type", text_value("function"));
    described->insert("function", std::move(function));
    list->push_back(std::move(described));
  }
  return list;
}

Status ChatTemplate::Impl::fill(jinja::context& context, const Conversation& conversation) const {
  auto messages = jinja::mk_val<jinja::value_array>();
  for (const Message& m : conversation.messages) {
    TRY_ASSIGN(jinja::value message, message_value(m));
    messages->push_back(std::move(message));
  }
  context.set_val("messages", std::move(messages));
  if (!conversation.tools.empty() && conversation.tool_use != ToolUse::none) {
    TRY_ASSIGN(const jinja::value tools, tools_value(conversation.tools));
    context.set_val("tools", tools);
  }
  context.set_val("bos_token", text_value(source.start_token));
  context.set_val("eos_token", text_value(source.end_token));
  context.set_val("add_generation_prompt", jinja::mk_val<jinja::value_bool>(true));
  context.set_val("enable_thinking", jinja::mk_val<jinja::value_bool>(conversation.thinking));
  context.set_val("datetime", text_value(date("%b %d %Y")));
  context.set_val("date_string", text_value(date("%d %b %Y")));
  return {};
}

std::vector<PromptPart> ChatTemplate::Impl::run(jinja::context& context) const {
  const jinja::value rendered = jinja::runtime(context).execute(program);
  const jinja::value_string marked = jinja::runtime::gather_string_parts(rendered);
  std::vector<PromptPart> parts;
  for (jinja::string_part& part : marked->val_str.parts) {
    InputGuard::open(part.val, part.is_input, parts);
    wipe(part.val);
  }
  return parts;
}

// A template's own complaint, if it is word for word in the template: anything else in an error
// could be a piece of the conversation.
std::string ChatTemplate::Impl::explain(const std::exception& error) const {
  constexpr std::string_view kRaised = "Jinja Exception: ";
  const std::string_view what = error.what();
  const std::size_t at = what.rfind(kRaised);
  std::string message = "the model's chat template refuses these messages";
  if (at == std::string_view::npos) return message;
  const std::string_view complaint = what.substr(at + kRaised.size());
  if (!complaint.empty() && source.text.find(complaint) != std::string::npos) {
    message.append(": ").append(complaint);
  }
  return message;
}

Result<ChatTemplate> ChatTemplate::from(TemplateSource source, ControlTokens controls) {
  const LlamaGuard guard;
  auto impl = std::make_unique<Impl>(std::move(source), std::move(controls));
  try {
    jinja::lexer lexer;
    const jinja::lexer_result tokens = lexer.tokenize(impl->source.text);
    impl->program = jinja::parse_from_tokens(tokens);
    impl->source.text = tokens.source;
    impl->caps = jinja::caps_get(impl->program);
  } catch (const std::exception&) {
    return fail(Errc::malformed, "the model's chat template does not parse");
  }
  return ChatTemplate(std::move(impl));
}

namespace {

// `variant`: of the model's templates; empty for the usual one.
Result<ChatTemplate> made_of(const LlamaModel& model, const std::string& variant) {
  TemplateSource source;
  const llama_vocab* vocabulary = model.vocabulary();
  source.start_token = token_text(vocabulary, llama_vocab_bos(vocabulary));
  source.end_token = token_text(vocabulary, llama_vocab_eos(vocabulary));
  {
    const LlamaGuard guard;
    try {
      // Mends what is known to be broken in some of them.
      const auto templates = common_chat_templates_init(model.get(), "");
      source.text = common_chat_templates_source(templates.get(), variant);
      if (source.text.empty()) source.text = common_chat_templates_source(templates.get());
    } catch (const std::exception&) {
      return fail(Errc::malformed, "the model's chat template does not parse");
    }
  }
  return ChatTemplate::from(std::move(source), ControlTokens::of(vocabulary));
}

}  // namespace

Result<ChatTemplate> ChatTemplate::of(const LlamaModel& model) { return made_of(model, ""); }

Result<ChatTemplate> ChatTemplate::for_tools_of(const LlamaModel& model) {
  return made_of(model, "tool_use");
}

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

const TemplateSource& ChatTemplate::source() const noexcept { return impl_->source; }

bool ChatTemplate::knows_tools() const noexcept { return impl_->caps.supports_tools; }

bool ChatTemplate::knows_tool_calls() const noexcept { return impl_->caps.supports_tool_calls; }

void ChatTemplate::adapt(std::vector<Message>& messages) const {
  if (messages.empty()) return;
  if (impl_->source.text.find("developer") == std::string::npos) {
    for (Message& m : messages) {
      if (m.role == "developer") m.role = "system";
    }
  }
  if (impl_->caps.supports_system_role || messages.front().role != "system") return;
  if (messages.size() == 1) {
    messages.front().role = "user";
    return;
  }
  messages[1].content = messages[0].content + "\n" + messages[1].content;
  wipe(messages[0].content);
  messages.erase(messages.begin());
}

Result<std::vector<PromptPart>> ChatTemplate::render(const Conversation& conversation) const {
  if (conversation.messages.empty()) return fail(Errc::malformed, "no messages");
  const auto known = [](const Message& m) {
    return std::ranges::find(kRoles, m.role) != kRoles.end();
  };
  if (!std::ranges::all_of(conversation.messages, known)) {
    return fail(Errc::malformed, "unknown role");
  }
  const LlamaGuard guard;
  try {
    jinja::context context(impl_->source.text);
    TRY(impl_->fill(context, conversation));
    return impl_->run(context);
  } catch (const std::exception& e) {
    return fail(Errc::malformed, impl_->explain(e));
  }
}

Result<Json> parameters_of(const Tool& tool) {
  if (tool.parameters.empty()) return Json{{"type", "object"}, {"properties", Json::object()}};
  const auto parsed = json::parse(tool.parameters);
  if (!parsed || !parsed->is_object()) {
    return fail(Errc::malformed, "the parameters of a tool are no JSON object");
  }
  return *parsed;
}

}  // namespace confide::engine
