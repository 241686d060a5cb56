// From a conversation to the prompt and to how its answer is written.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/answer_format.h"
#include "engine/chat_formats.h"
#include "engine/chat_template.h"
#include "engine/engine.h"
#include "engine/llama_model.h"
#include "engine/prompt_tokenizer.h"
#include "engine/token_texts.h"

namespace confide::engine {

// Immutable: prepare() may be called from any thread.
class Chat {
 public:
  // By the model's own templates. `model` must outlive it.
  static Result<Chat> of(const LlamaModel& model);
  // By another template.
  static Result<Chat> with_template(const LlamaModel& model, const std::string& text);

  struct Prompt {
    std::vector<PromptPart> parts;
    std::shared_ptr<const LlamaAnswerFormat> format;  // null: all text is content
  };
  // Fails as Engine::prepare() does.
  Result<Prompt> prepare(const Conversation& conversation) const;

 private:
  // One template, seen by us and by llama.cpp.
  struct Dialect {
    ChatTemplate ours;
    ChatFormats theirs;
    // For conversations without tools and schema, if not all is content: without thinking, with.
    std::array<std::shared_ptr<const LlamaAnswerFormat>, 2> usual;

    bool calls_tools() const { return ours.knows_tools() && theirs.can_require_calls(); }
  };
  explicit Chat(const LlamaModel& model);
  Result<std::shared_ptr<const Dialect>> dialect_of(ChatTemplate ours) const;

  Result<Prompt> render(const Dialect& dialect, const Conversation& conversation) const;
  Result<Prompt> with_tools(const Dialect& dialect, const Conversation& conversation) const;
  Result<Prompt> with_schema(const Dialect& dialect, const Conversation& conversation) const;
  Result<Prompt> without(const Dialect& dialect, const Conversation& conversation) const;
  Result<std::shared_ptr<const LlamaAnswerFormat>> format_of(common_chat_params terms,
                                                             bool several) const;

  const LlamaModel& model_;
  std::shared_ptr<const TokenTexts> texts_;
  std::shared_ptr<const Dialect> usual_;
  std::shared_ptr<const Dialect> for_tools_;  // often the same
};

}  // namespace confide::engine
