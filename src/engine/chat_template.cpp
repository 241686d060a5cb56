#include "engine/chat_template.h"

#include <jinja/caps.h>
#include <jinja/lexer.h>
#include <jinja/parser.h>
#include <jinja/runtime.h>
#include <llama.h>

#include <algorithm>
#include <array>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "base/secret.h"

namespace confide::engine {
namespace {

constexpr std::array<std::string_view, 5> kRoles{"system", "developer", "user", "assistant",
                                                 "tool"};

constexpr const char* kChatMl =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + "
    "message['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

std::string token_text(const llama_vocab* vocabulary, Token token) {
  return token < 0 ? std::string() : llama_vocab_get_text(vocabulary, token);
}

jinja::value text_value(const std::string& text) {
  return jinja::mk_val<jinja::value_string>(text);
}

// Marked as input, which Jinja carries through to the result.
jinja::value input_value(const std::string& text) {
  auto value = jinja::mk_val<jinja::value_string>(text);
  value->mark_input();
  return value;
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

}  // namespace

struct ChatTemplate::Impl {
  jinja::program program;
  jinja::caps caps;
  std::string source;
  std::string start_token;
  std::string end_token;

  void adapt(std::vector<Message>& messages) const;
  jinja::value messages_value(const std::vector<Message>& messages) const;
  std::string explain(const std::exception& error) const;
};

// Says the same to templates that know fewer roles.
void ChatTemplate::Impl::adapt(std::vector<Message>& messages) const {
  if (source.find("developer") == std::string::npos) {
    for (Message& m : messages) {
      if (m.role == "developer") m.role = "system";
    }
  }
  if (caps.supports_system_role || messages.front().role != "system") return;
  if (messages.size() == 1) {
    messages.front().role = "user";
    return;
  }
  messages[1].content = messages[0].content + "\n" + messages[1].content;
  wipe(messages[0].content);
  messages.erase(messages.begin());
}

jinja::value ChatTemplate::Impl::messages_value(const std::vector<Message>& messages) const {
  const bool typed = caps.supports_typed_content && !caps.supports_string_content;
  auto list = jinja::mk_val<jinja::value_array>();
  for (const Message& m : messages) {
    auto message = jinja::mk_val<jinja::value_object>();
    message->insert("role", text_value(m.role));
    message->insert("content", typed ? typed_content(m.content) : input_value(m.content));
    list->push_back(std::move(message));
  }
  return list;
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
  if (!complaint.empty() && source.find(complaint) != std::string::npos) {
    message.append(": ").append(complaint);
  }
  return message;
}

Result<ChatTemplate> ChatTemplate::of(const LlamaModel& model) {
  const char* own = llama_model_chat_template(model.get(), nullptr);
  auto impl = std::make_unique<Impl>();
  try {
    jinja::lexer lexer;
    const jinja::lexer_result tokens = lexer.tokenize(own != nullptr ? own : kChatMl);
    impl->program = jinja::parse_from_tokens(tokens);
    impl->source = tokens.source;
    impl->caps = jinja::caps_get(impl->program);
  } catch (const std::exception&) {
    return fail(Errc::malformed, "the model's chat template does not parse");
  }
  impl->start_token = token_text(model.vocabulary(), llama_vocab_bos(model.vocabulary()));
  impl->end_token = token_text(model.vocabulary(), llama_vocab_eos(model.vocabulary()));
  return ChatTemplate(std::move(impl));
}

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

Result<std::vector<PromptPart>> ChatTemplate::render(std::vector<Message> messages) const {
  if (messages.empty()) return fail(Errc::malformed, "no messages");
  const auto known = [](const Message& m) {
    return std::ranges::find(kRoles, m.role) != kRoles.end();
  };
  if (!std::ranges::all_of(messages, known)) return fail(Errc::malformed, "unknown role");
  impl_->adapt(messages);
  try {
    jinja::context context(impl_->source);
    context.set_val("messages", impl_->messages_value(messages));
    context.set_val("bos_token", text_value(impl_->start_token));
    context.set_val("eos_token", text_value(impl_->end_token));
    context.set_val("add_generation_prompt", jinja::mk_val<jinja::value_bool>(true));
    context.set_val("enable_thinking", jinja::mk_val<jinja::value_bool>(true));
    const jinja::value rendered = jinja::runtime(context).execute(impl_->program);
    const jinja::value_string marked = jinja::runtime::gather_string_parts(rendered);
    std::vector<PromptPart> parts;
    for (jinja::string_part& part : marked->val_str.parts) {
      parts.push_back({.text = std::move(part.val), .from_user = part.is_input});
    }
    for (Message& m : messages) wipe(m.content);
    return parts;
  } catch (const std::exception& e) {
    return fail(Errc::malformed, impl_->explain(e));
  }
}

}  // namespace confide::engine
