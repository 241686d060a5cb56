// The Jinja template a model carries for conversations.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/llama_model.h"
#include "engine/prompt_tokenizer.h"

namespace confide::engine {

// Immutable: render() may be called from any thread.
class ChatTemplate {
 public:
  // A model without a template gets ChatML. Fails with `malformed` if the template does not parse.
  static Result<ChatTemplate> of(const LlamaModel& model);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // With the prompt for the assistant's turn at the end. `developer` is rendered as `system` where
  // the template does not know it. Fails with `malformed` on an unknown role, on no messages, and
  // on what the template refuses.
  Result<std::vector<PromptPart>> render(std::vector<Message> messages) const;

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace confide::engine
