// One answer while it is written: which token comes next, and what may be shown by then.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/answer_format.h"
#include "engine/answer_rules.h"
#include "engine/engine.h"
#include "engine/llama_model.h"
#include "engine/sampler.h"
#include "engine/stop_text.h"
#include "engine/thought_count.h"
#include "engine/token_reports.h"

namespace confide::engine {

class AnswerWriter {
 public:
  // `model` must outlive it. The job's format, if any, is a LlamaAnswerFormat.
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
    std::optional<Finish> finish;  // stop: the answer is over; error: nothing fits the format
  };
  // Picks the next token from the logits, which are scratch.
  Step write(std::span<float> logits);
  // No more tokens: what was held back.
  Shown finish();
  // Which of the job's stop strings has come.
  std::optional<std::size_t> stopped_by() const noexcept;
  // How many of the tokens were reasoning; 0 without a format.
  int reasoning_tokens() const noexcept { return thoughts_ ? thoughts_->tokens() : 0; }

 private:
  Step guarded_pick(std::span<float> logits);
  Step pick(std::span<float> logits);
  Shown shown(std::string_view text);
  void spell(Token token);

  const LlamaModel& model_;
  std::shared_ptr<const LlamaAnswerFormat> format_;  // may be null
  std::optional<AnswerRules> rules_;
  Sampler sampler_;
  std::size_t own_stops_;  // of the job: the first of the stop strings
  StopText text_;
  std::optional<ThoughtCount> thoughts_;
  std::optional<TokenReports> reports_;
  std::vector<float> original_;  // the logits as they were, if there are reports
  std::string piece_;
  std::size_t written_ = 0;  // bytes of all pieces
};

}  // namespace confide::engine
