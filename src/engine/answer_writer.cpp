#include "engine/answer_writer.h"

#include "base/secret.h"

namespace confide::engine {
namespace {

Sampling with_seed(Sampling sampling, std::uint32_t seed) {
  sampling.seed = seed;
  return sampling;
}

}  // namespace

AnswerWriter::AnswerWriter(const LlamaModel& model, const Job& job, std::uint32_t seed)
    : model_(model), sampler_(with_seed(job.sampling, seed)), text_(job.stop) {
  if (job.sampling.logprobs >= 0) reports_.emplace(model, job.sampling.logprobs);
}

AnswerWriter::~AnswerWriter() { wipe(piece_); }

AnswerWriter::Step AnswerWriter::write(std::span<float> logits) {
  if (reports_) original_.assign(logits.begin(), logits.end());
  const Token token = sampler_.pick(logits);
  if (model_.ends_generation(token)) return {.token = token, .shown = {}, .finish = Finish::stop};
  model_.piece(token, piece_);
  written_ += piece_.size();
  if (reports_ && !piece_.empty()) reports_->add(token, original_, written_);
  Step step{.token = token, .shown = shown(text_.push(piece_)), .finish = {}};
  if (text_.stopped()) step.finish = Finish::stop;
  return step;
}

AnswerWriter::Shown AnswerWriter::finish() { return shown(text_.finish()); }

AnswerWriter::Shown AnswerWriter::shown(std::string_view text) {
  if (!reports_) return {.text = text, .reports = {}};
  return {.text = text, .reports = reports_->take(text_.released())};
}

}  // namespace confide::engine
