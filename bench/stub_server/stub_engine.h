// An engine without a model, for measurements and load tests: it says the same word at a set pace.
#pragma once

#include <memory>

#include "engine/engine.h"

namespace confide::bench {

struct StubOptions {
  int slots = 8;
  int queue = 64;
  int context = 4096;            // tokens, prompt and answer together
  int answer_tokens = 16;        // of an answer that sets no limit
  int token_bytes = 5;           // text of one token
  double tokens_per_second = 0;  // of each answer; 0: the whole answer at once
};

// One thread calls the sinks, as the real engine's does. A prompt has one token for four bytes.
std::unique_ptr<engine::Engine> make_stub_engine(const StubOptions& options);

}  // namespace confide::bench
