// One answer while it is written: which token comes next, and what may be shown by then.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/llama_model.h"
#include "engine/sampler.h"
#include "engine/stop_text.h"
#include "engine/token_reports.h"

namespace confide::engine {

class AnswerWriter {
 public:
  // `model` must outlive it.
  AnswerWriter(const LlamaModel& model, const Job& job, std::uint32_t seed);
  ~AnswerWriter();
  AnswerWriter(const AnswerWriter&) = delete;
  AnswerWriter& operator=(const AnswerWriter&) = delete;

  // What a Sink is to hear; good until the next call.
  struct Shown {
    std::string_view text;
    std::span<const TokenReport> reports;
  };
  struct Step {
    Token token = 0;
    Shown shown;
    std::optional<Finish> finish;  // stop: the answer is over
  };
  // Picks the next token from the logits, which are scratch.
  Step write(std::span<float> logits);
  // No more tokens: what was held back.
  Shown finish();
  // Which of the job's stop strings has come.
  std::optional<std::size_t> stopped_by() const noexcept { return text_.stopped_by(); }

 private:
  Shown shown(std::string_view text);

  const LlamaModel& model_;
  Sampler sampler_;
  StopText text_;
  std::optional<TokenReports> reports_;
  std::vector<float> original_;  // the logits as they were, if there are reports
  std::string piece_;
  std::size_t written_ = 0;  // bytes of all pieces
};

}  // namespace confide::engine
