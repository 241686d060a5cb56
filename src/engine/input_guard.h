// Keeps the control tokens that users spell from being read as such, whatever a chat template does
// with the text. Templates keep a mark on what came out of messages, but lose it where they write
// JSON or split text; so control tokens are broken in two by a byte that is taken out again after
// the template has run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/control_tokens.h"
#include "engine/prompt_tokenizer.h"

namespace confide::engine {

class InputGuard {
 public:
  // `source` is the template's. Both must outlive the guard.
  InputGuard(const ControlTokens& controls, std::string_view source);

  // Text to be given to the template in place of `text`. No piece of it, and nothing a template can
  // put together out of pieces of such texts, spells a control token.
  std::string seal(std::string_view text) const;
  // The same for what a message says. There the template may look for tags, such as "</think>":
  // tags that the template knows and that are no control tokens stay whole.
  std::string seal_message(std::string_view text) const;
  // The text again, in parts within which whatever spells a control token is one.
  static void open(std::string_view sealed, bool from_user, std::vector<PromptPart>& parts);

 private:
  std::string seal(std::string_view text, bool keep_tags) const;
  bool is_known_tag(std::string_view text) const;

  const ControlTokens& controls_;
  std::string_view source_;
};

}  // namespace confide::engine
