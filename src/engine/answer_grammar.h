// What the text of an answer may be, in llama.cpp's grammar notation (GBNF), and where an answer
// stands in it. llama.cpp's own sampler tries every way through a grammar, which hostile schemas
// make exponentially many; here each character leads from one bounded set of places to the next.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/llama_model.h"
#include "engine/token_texts.h"

struct llama_grammar;

namespace confide::engine {

// A place in a grammar. Belongs to one thread at a time.
class GrammarPlace {
 public:
  // Members that read characters throw if too much is left open to go on in a bounded time.
  //
  // The start. Fails with `malformed` on what does not parse or recurses on the left, `limit` on
  // grammars that are too large.
  static Result<GrammarPlace> start_of(const std::string& gbnf);
  ~GrammarPlace();
  GrammarPlace(GrammarPlace&&) noexcept;
  GrammarPlace& operator=(GrammarPlace&&) noexcept;
  GrammarPlace clone() const;

  // Goes on by `text`, which may end within a character. False, and the place is as before, if the
  // text may not come here, or the grammar has too many ways to read it.
  bool accept(std::string_view text);
  // Whether `text` may come next.
  bool allows(std::string_view text);
  // Whether the text may end here, and whether it must.
  bool may_end() const;
  bool must_end() const;
  // Sets the logits of those tokens among `texts` that may not come next to minus infinity.
  void forbid(const TokenTexts& texts, std::span<float> logits);

 private:
  struct Impl;
  bool advance(std::string_view text);
  bool peek(std::string_view text);
  explicit GrammarPlace(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace confide::engine
