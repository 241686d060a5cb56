// From a rendered chat template to tokens, so that control tokens come from the template alone: a
// message that spells one out is read as the characters it is made of.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/control_tokens.h"
#include "engine/llama_model.h"

namespace confide::engine {

struct PromptPart {
  std::string text;
  bool from_user = false;  // out of a message, not out of the template
};

class PromptTokenizer {
 public:
  // `model` must outlive it.
  explicit PromptTokenizer(const LlamaModel& model);
  // The same tokens as for the joined text, but for control tokens spelt in a user's part. Puts the
  // model's start token in front if it wants one and the template did not.
  Result<std::vector<Token>> tokenize(const std::vector<PromptPart>& parts) const;
  // As Engine::prepare_infill().
  Result<std::vector<Token>> infill(std::string_view prefix, std::string_view suffix) const;

 private:
  Status flush(std::string& plain, std::vector<Token>& tokens) const;
  void add_start(std::vector<Token>& tokens) const;

  const LlamaModel& model_;
  ControlTokens controls_;
};

}  // namespace confide::engine
