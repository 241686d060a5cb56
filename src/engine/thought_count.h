// How many tokens of an answer were thoughts.
#pragma once

#include <memory>
#include <string_view>

#include "engine/engine.h"

namespace confide::engine {

class ThoughtCount {
 public:
  // `reader` is one of the answer's own.
  explicit ThoughtCount(std::unique_ptr<AnswerReader> reader);

  // One more token, and the text that may be shown by now; none if it is held back.
  void add(std::string_view shown);
  // Those whose text the reader took for reasoning; the words around a thought may be among them.
  // Thoughts after the first content do not count: nobody reads on for them.
  int tokens() const noexcept { return tokens_; }

 private:
  std::unique_ptr<AnswerReader> reader_;  // null: there will be no more
  int undecided_ = 0;                     // tokens that are not known to be either
  int tokens_ = 0;
};

}  // namespace confide::engine
