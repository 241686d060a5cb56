#include "engine/prompt_tokenizer.h"

#include <llama.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/secret.h"

namespace confide::engine {
namespace {

constexpr std::string_view kSpace = " \t\n\r\f\v";

void strip_right(std::string& text) { text.resize(text.find_last_not_of(kSpace) + 1); }

std::string_view strip_left(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kSpace), text.size()));
}

}  // namespace

PromptTokenizer::PromptTokenizer(const LlamaModel& model)
    : model_(model), controls_(ControlTokens::of(model.vocabulary())) {}

Status PromptTokenizer::flush(std::string& plain, std::vector<Token>& tokens) const {
  if (plain.empty()) return {};
  auto read = model_.tokenize(plain, LlamaModel::Control::plain, LlamaModel::Frame::none);
  wipe(plain);
  TRY_ASSIGN(const std::vector<Token> more, std::move(read));
  tokens.insert(tokens.end(), more.begin(), more.end());
  return {};
}

Result<std::vector<Token>> PromptTokenizer::tokenize(const std::vector<PromptPart>& parts) const {
  std::vector<Token> tokens;
  std::string plain;  // since the last control token, across parts
  bool strip_next = false;
  for (const PromptPart& part : parts) {
    std::string_view rest = part.text;
    while (!rest.empty()) {
      if (std::exchange(strip_next, false)) {
        rest = strip_left(rest);
        strip_next = rest.empty();
        continue;
      }
      const ControlToken* special = part.from_user ? nullptr : controls_.match(rest);
      if (special == nullptr) {
        const std::size_t length = part.from_user ? rest.size() : 1;
        plain += rest.substr(0, length);
        rest.remove_prefix(length);
        continue;
      }
      if (special->strips_left) strip_right(plain);
      TRY(flush(plain, tokens));
      tokens.push_back(special->token);
      strip_next = special->strips_right;
      rest.remove_prefix(special->text.size());
    }
  }
  TRY(flush(plain, tokens));
  add_start(tokens);
  return tokens;
}

void PromptTokenizer::add_start(std::vector<Token>& tokens) const {
  const Token start = llama_vocab_bos(model_.vocabulary());
  if (llama_vocab_get_add_bos(model_.vocabulary()) && (tokens.empty() || tokens.front() != start)) {
    tokens.insert(tokens.begin(), start);
  }
}

Result<std::vector<Token>> PromptTokenizer::infill(std::string_view prefix,
                                                   std::string_view suffix) const {
  const Token before = llama_vocab_fim_pre(model_.vocabulary());
  const Token after = llama_vocab_fim_suf(model_.vocabulary());
  const Token between = llama_vocab_fim_mid(model_.vocabulary());
  if (std::min({before, after, between}) < 0) {
    return fail(Errc::unsupported, "the model has no tokens for filling in between two texts");
  }
  std::vector<Token> tokens = {before};
  std::string text(prefix);
  TRY(flush(text, tokens));
  tokens.push_back(after);
  text = suffix;
  TRY(flush(text, tokens));
  tokens.push_back(between);
  add_start(tokens);
  return tokens;
}

}  // namespace confide::engine
