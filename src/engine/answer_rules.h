// Which tokens may come next in an answer, by its format's grammar.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "engine/answer_format.h"
#include "engine/answer_grammar.h"
#include "engine/llama_model.h"
#include "engine/sampler.h"
#include "engine/trigger_watch.h"

namespace confide::engine {

class AnswerRules final : public TokenRules {
 public:
  // `format` has a grammar. `model` must outlive it.
  AnswerRules(const LlamaModel& model, std::shared_ptr<const LlamaAnswerFormat> format);

  bool allows(Token token) override;
  void forbid(std::span<float> logits) override;

  enum class Next { open, end, stuck };
  // The answer goes on with `token`, which does not end it. `end`: nothing may follow. `stuck`: the
  // token was not allowed.
  Next accept(Token token);

 private:
  // What a token is to the grammar; nothing if it is not to show.
  const std::string* text_of(Token token);

  const LlamaModel& model_;
  std::shared_ptr<const LlamaAnswerFormat> format_;
  GrammarPlace place_;
  std::optional<TriggerWatch> watch_;  // while the grammar does not hold yet
  std::string text_;
};

}  // namespace confide::engine
