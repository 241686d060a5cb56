// The Jinja template a model carries for conversations.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engine/control_tokens.h"
#include "engine/engine.h"
#include "engine/llama_model.h"
#include "engine/prompt_tokenizer.h"

namespace confide::engine {

struct TemplateSource {
  std::string text;
  std::string start_token;  // as they are spelt
  std::string end_token;
};

// Immutable: every member may be called from any thread.
class ChatTemplate {
 public:
  // A model without a template gets ChatML. Models may have a template of their own for tools.
  // Fails with `malformed` if the template does not parse.
  static Result<ChatTemplate> of(const LlamaModel& model);
  static Result<ChatTemplate> for_tools_of(const LlamaModel& model);
  static Result<ChatTemplate> from(TemplateSource source, ControlTokens controls);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  const TemplateSource& source() const noexcept;
  // Whether it tells the model of tools, and shows it calls that were made and their answers.
  bool knows_tools() const noexcept;
  bool knows_tool_calls() const noexcept;

  // Says the same in the roles the template knows: `developer` may become `system`, and `system` a
  // part of the next message.
  void adapt(std::vector<Message>& messages) const;
  // An adapted conversation with the prompt for the assistant's turn at the end; without tools if
  // none may be used. Control tokens in it come out of the template alone. Fails with `malformed`
  // on an unknown role, on no messages, on arguments and parameters that are no JSON, and on what
  // the template refuses.
  Result<std::vector<PromptPart>> render(const Conversation& conversation) const;

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

// Fails with `malformed` on parameters that are no JSON object; none at all are {}.
Result<Json> parameters_of(const Tool& tool);

}  // namespace confide::engine
