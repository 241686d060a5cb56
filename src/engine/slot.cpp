#include "engine/slot.h"

#include <algorithm>
#include <utility>

#include "base/secret.h"

namespace confide::engine {

SharedJob::~SharedJob() {
  wipe({reinterpret_cast<std::uint8_t*>(job.prompt.data()), job.prompt.size() * sizeof(Token)});
  for (std::string& stop : job.stop) wipe(stop);
}

Slot::Slot(int sequence, const LlamaModel& model, LlamaContext& context)
    : model_(model), context_(context), sequence_(sequence) {}

bool Slot::generating() const noexcept {
  return position_ >= static_cast<int>(request_->job().prompt.size());
}

void Slot::start(std::shared_ptr<Request> request) {
  request_ = std::move(request);
  writer_ = std::make_unique<AnswerWriter>(model_, request_->job(), request_->seed);
  position_ = 0;
  generated_ = 0;
  request_->sink->on_start();
}

int Slot::feed() {
  in_batch_ = false;
  place_ = -1;
  if (context_.room() == 0) return 0;
  in_batch_ = true;
  if (generating()) {
    place_ = context_.add(next_, position_++, sequence_, true);
    return 0;
  }
  const std::vector<Token>& prompt = request_->job().prompt;
  const int whole = static_cast<int>(prompt.size());
  const int count = std::min(context_.room(), whole - position_);
  for (int i = 0; i < count; ++i) {
    const bool last = position_ + 1 == whole;
    const int place =
        context_.add(prompt[static_cast<std::size_t>(position_)], position_, sequence_, last);
    if (last) place_ = place;
    ++position_;
  }
  return count;
}

std::optional<Finish> Slot::advance(int& picked) {
  picked = 0;
  if (place_ < 0) return std::nullopt;
  const std::span<float> logits = context_.logits(place_);
  if (logits.empty()) return Finish::error;
  const AnswerWriter::Step step = writer_->write(logits);
  next_ = step.token;
  picked = 1;
  ++generated_;
  show(step.shown);
  if (step.finish) return step.finish;
  const bool full = position_ >= context_.length();
  if (full || generated_ >= request_->job().max_tokens) return Finish::length;
  return std::nullopt;
}

Slot::Ended Slot::end(Finish finish) {
  if (finish == Finish::stop || finish == Finish::length) show(writer_->finish());
  context_.forget(sequence_);
  const Usage usage{.prompt_tokens = static_cast<int>(request_->job().prompt.size()),
                    .completion_tokens = generated_};
  writer_.reset();
  in_batch_ = false;
  return {.request = std::exchange(request_, nullptr), .usage = usage};
}

void Slot::show(const AnswerWriter::Shown& shown) const {
  if (!shown.text.empty()) request_->sink->on_text(shown.text, shown.reports);
}

}  // namespace confide::engine
