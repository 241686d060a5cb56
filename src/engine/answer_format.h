// How a model writes an answer to one conversation, as llama.cpp says it.
#pragma once

#include <chat.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/answer_grammar.h"
#include "engine/answer_reader.h"
#include "engine/engine.h"
#include "engine/llama_model.h"
#include "engine/token_texts.h"

namespace confide::engine {

class LlamaAnswerFormat final : public AnswerFormat {
 public:
  // `terms` without a parser: all text is content. `several`: whether there may be more than one
  // tool call. Fails as GrammarPlace::start_of().
  static Result<std::shared_ptr<const LlamaAnswerFormat>> make(
      const LlamaModel& model, std::shared_ptr<const TokenTexts> texts, common_chat_params terms,
      bool several);

  std::unique_ptr<AnswerReader> reader() const override;

  const common_chat_params& terms() const noexcept { return reading_->terms; }
  // Where the answer starts; nothing: it may be any text.
  const std::optional<GrammarPlace>& grammar() const noexcept { return grammar_; }
  const TokenTexts& texts() const noexcept { return *texts_; }
  // Whether a control token is shown as text.
  bool shows(Token control) const noexcept;
  const std::vector<Token>& shown() const noexcept { return shown_; }

 private:
  LlamaAnswerFormat() = default;

  std::shared_ptr<const Reading> reading_;
  std::optional<GrammarPlace> grammar_;
  std::shared_ptr<const TokenTexts> texts_;
  std::vector<Token> shown_;  // control tokens, sorted
};

}  // namespace confide::engine
