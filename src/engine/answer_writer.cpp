#include "engine/answer_writer.h"

#include <exception>

#include "base/secret.h"
#include "engine/llama_guard.h"

namespace confide::engine {
namespace {

Sampling with_seed(Sampling sampling, std::uint32_t seed) {
  sampling.seed = seed;
  return sampling;
}

std::vector<std::string> stops_of(const Job& job) {
  std::vector<std::string> stops = job.stop;
  if (const auto* format = static_cast<const LlamaAnswerFormat*>(job.format.get())) {
    const auto& more = format->terms().additional_stops;
    stops.insert(stops.end(), more.begin(), more.end());
  }
  return stops;
}

}  // namespace

AnswerWriter::AnswerWriter(const LlamaModel& model, const Job& job, std::uint32_t seed)
    : model_(model),
      format_(std::static_pointer_cast<const LlamaAnswerFormat>(job.format)),
      sampler_(with_seed(job.sampling, seed)),
      own_stops_(job.stop.size()),
      text_(stops_of(job)) {
  if (format_ != nullptr && format_->grammar()) rules_.emplace(model, format_);
  if (format_ != nullptr) thoughts_.emplace(format_->reader());
  if (job.sampling.logprobs >= 0) reports_.emplace(model, job.sampling.logprobs);
}

AnswerWriter::~AnswerWriter() { wipe(piece_); }

AnswerWriter::Step AnswerWriter::write(std::span<float> logits) {
  const Step step = guarded_pick(logits);
  if (thoughts_) thoughts_->add(step.shown.text);
  return step;
}

AnswerWriter::Step AnswerWriter::guarded_pick(std::span<float> logits) {
  const LlamaGuard guard;
  try {
    return pick(logits);
  } catch (const std::exception&) {
    return {.token = 0, .shown = {}, .finish = Finish::error};
  }
}

AnswerWriter::Step AnswerWriter::pick(std::span<float> logits) {
  if (reports_) original_.assign(logits.begin(), logits.end());
  const Token token = sampler_.pick(logits, rules_ ? &*rules_ : nullptr);
  if (rules_ && !rules_->allows(token)) {  // then none is
    return {.token = token, .shown = {}, .finish = Finish::error};
  }
  if (model_.ends_generation(token)) return {.token = token, .shown = {}, .finish = Finish::stop};
  spell(token);
  written_ += piece_.size();
  if (reports_ && !piece_.empty()) reports_->add(token, original_, written_);
  Step step{.token = token, .shown = shown(text_.push(piece_)), .finish = {}};
  const bool over = rules_ && rules_->accept(token) != AnswerRules::Next::open;
  if (over || text_.stopped()) step.finish = Finish::stop;
  return step;
}

// Control tokens are text only to those who parse it.
void AnswerWriter::spell(Token token) {
  const bool shows = format_ != nullptr && format_->shows(token);
  model_.piece(token, piece_, shows ? LlamaModel::Control::parse : LlamaModel::Control::plain);
}

std::optional<std::size_t> AnswerWriter::stopped_by() const noexcept {
  const auto stop = text_.stopped_by();
  return stop && *stop < own_stops_ ? stop : std::nullopt;
}

AnswerWriter::Shown AnswerWriter::finish() { return shown(text_.finish()); }

AnswerWriter::Shown AnswerWriter::shown(std::string_view text) {
  if (!reports_) return {.text = text, .reports = {}};
  return {.text = text, .reports = reports_->take(text_.released())};
}

}  // namespace confide::engine
