#include "engine/answer_format.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "engine/llama_guard.h"
#include "engine/trigger_watch.h"

namespace confide::engine {
namespace {

Result<std::optional<GrammarPlace>> start_of(const common_chat_params& terms) {
  if (terms.grammar.empty()) return std::optional<GrammarPlace>();
  TRY_ASSIGN(GrammarPlace place, GrammarPlace::start_of(terms.grammar));
  // The prompt ends with the beginning of the answer.
  if (!terms.grammar_lazy && !place.accept(terms.generation_prompt)) {
    return fail(Errc::internal, "the grammar of the answer does not follow the prompt");
  }
  return std::optional(std::move(place));
}

}  // namespace

Result<std::shared_ptr<const LlamaAnswerFormat>> LlamaAnswerFormat::make(
    const LlamaModel& model, std::shared_ptr<const TokenTexts> texts, common_chat_params terms,
    bool several) {
  std::shared_ptr<LlamaAnswerFormat> made(new LlamaAnswerFormat());
  auto reading = std::make_shared<Reading>();
  TRY_ASSIGN(made->grammar_, start_of(terms));
  {
    const LlamaGuard guard;
    try {
      if (!terms.parser.empty()) reading->parser.load(terms.parser);
      const TriggerWatch watch(terms);  // refuses what it cannot watch for
    } catch (const std::exception&) {
      return fail(Errc::internal, "answers to this template cannot be read");
    }
  }
  for (const std::string& text : terms.preserved_tokens) {
    const auto tokens = model.tokenize(text, LlamaModel::Control::parse, LlamaModel::Frame::none);
    if (tokens && tokens->size() == 1) made->shown_.push_back(tokens->front());
  }
  std::ranges::sort(made->shown_);
  made->texts_ = std::move(texts);
  reading->terms = std::move(terms);
  reading->several = several;
  made->reading_ = std::move(reading);
  return made;
}

std::unique_ptr<AnswerReader> LlamaAnswerFormat::reader() const {
  if (reading_->parser.empty()) return std::make_unique<PlainReader>();
  return std::make_unique<ParsingReader>(reading_);
}

bool LlamaAnswerFormat::shows(Token control) const noexcept {
  return std::ranges::binary_search(shown_, control);
}

}  // namespace confide::engine
