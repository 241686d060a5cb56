#include "engine/token_texts.h"

#include <llama.h>

#include <algorithm>
#include <utility>

namespace confide::engine {

TokenTexts::TokenTexts(const LlamaModel& model) {
  std::string text;
  for (Token token = 0; token < model.vocabulary_size(); ++token) {
    if (llama_vocab_is_control(model.vocabulary(), token)) continue;
    if (model.ends_generation(token)) continue;
    model.piece(token, text);
    if (!text.empty()) entries_.push_back({.text = std::exchange(text, {}), .token = token});
  }
  std::ranges::sort(entries_, {}, &Entry::text);
}

}  // namespace confide::engine
