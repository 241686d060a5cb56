#include "engine/answer_rules.h"

#include <llama.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "engine/llama_guard.h"

namespace confide::engine {

AnswerRules::AnswerRules(const LlamaModel& model, std::shared_ptr<const LlamaAnswerFormat> format)
    : model_(model), format_(std::move(format)), place_(format_->grammar()->clone()) {
  if (format_->terms().grammar_lazy) watch_.emplace(format_->terms());
}

bool AnswerRules::allows(Token token) {
  if (watch_) return true;
  if (model_.ends_generation(token)) return place_.may_end();
  const std::string* text = text_of(token);
  return text != nullptr && place_.allows(*text);
}

void AnswerRules::forbid(std::span<float> logits) {
  if (watch_) return;
  std::vector<bool> spared(logits.size(), false);
  for (const TokenTexts::Entry& entry : format_->texts().entries()) {
    spared[static_cast<std::size_t>(entry.token)] = true;
  }
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (!spared[i] && !allows(static_cast<Token>(i))) {
      logits[i] = -std::numeric_limits<float>::infinity();
    }
  }
  place_.forbid(format_->texts(), logits);
}

AnswerRules::Next AnswerRules::accept(Token token) {
  const std::string* text = text_of(token);
  if (!watch_) {
    if (text == nullptr || !place_.accept(*text)) return Next::stuck;
    return place_.must_end() ? Next::end : Next::open;
  }
  if (text == nullptr) return Next::open;
  const auto begun = watch_->push(*text);
  if (!begun) return Next::open;
  if (!place_.accept(*begun)) {
    watch_->reject();
    return Next::open;
  }
  watch_.reset();
  return place_.must_end() ? Next::end : Next::open;
}

const std::string* AnswerRules::text_of(Token token) {
  const bool control = llama_vocab_is_control(model_.vocabulary(), token);
  if (control && !format_->shows(token)) return nullptr;
  model_.piece(token, text_, control ? LlamaModel::Control::parse : LlamaModel::Control::plain);
  return text_.empty() ? nullptr : &text_;
}

}  // namespace confide::engine
