// What llama.cpp's common library knows of the answers to prompts of one template: how they are
// written, and what may be in them.
#pragma once

#include <chat.h>

#include <string>

#include "base/result.h"
#include "engine/chat_template.h"
#include "engine/engine.h"

namespace confide::engine {

// Immutable.
class ChatFormats {
 public:
  // Fails with `malformed` if the template does not parse.
  static Result<ChatFormats> of(const TemplateSource& source);

  // For a conversation that ChatTemplate::adapt() has seen; the tools' parameters and the answer's
  // schema are fit for llama.cpp. Its prompt is what llama.cpp renders, blind to control tokens in
  // messages: for comparison only. Fails with `malformed` on what llama.cpp refuses.
  Result<common_chat_params> apply(const Conversation& conversation) const;

  // Whether answers to a conversation without tools are nothing but content.
  bool plain() const noexcept { return plain_; }
  // Whether there is a way to make the model call a tool.
  bool can_require_calls() const noexcept { return can_require_calls_; }

 private:
  explicit ChatFormats(common_chat_templates_ptr templates);
  bool is_plain() const;
  bool requires_calls() const;

  common_chat_templates_ptr templates_;
  bool plain_ = false;
  bool can_require_calls_ = false;
};

}  // namespace confide::engine
