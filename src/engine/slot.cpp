#include "engine/slot.h"

#include <algorithm>
#include <utility>

#include "base/secret.h"

namespace confide::engine {
namespace {

// Of a full context: the first tokens carry much of the attention of all later ones.
constexpr int kNeverForgotten = 4;

// Tokens are text in another spelling.
void wipe_tokens(std::vector<Token>& tokens) {
  wipe({reinterpret_cast<std::uint8_t*>(tokens.data()), tokens.size() * sizeof(Token)});
  tokens.clear();
}

}  // namespace

SharedJob::~SharedJob() {
  wipe_tokens(job.prompt);
  for (std::string& stop : job.stop) wipe(stop);
}

Slot::Slot(int sequence, const LlamaModel& model, LlamaContext& context, Rules rules)
    : model_(model), context_(context), sequence_(sequence), rules_(rules) {
  // Never moved while it grows, so that no copy of it stays behind.
  tokens_.reserve(static_cast<std::size_t>(context.length()) + 1);
}

Slot::~Slot() { wipe_tokens(tokens_); }

std::size_t Slot::prompt_left() const noexcept {
  return request_->job().prompt.size() - prompt_read_;
}

std::size_t Slot::shared_with(const Request& request) const {
  if (spoilt_ || request.job().prompt_reports) return 0;
  const bool same_job = busy() && request_->shared == request.shared;
  const std::string& key = request.job().cache_key;
  if (!same_job && (key.empty() || key != cache_key_)) return 0;
  const std::vector<Token>& prompt = request.job().prompt;
  const auto end =
      prompt.begin() + static_cast<std::ptrdiff_t>(std::min(prompt.size() - 1, tokens_.size()));
  const auto differs = std::mismatch(prompt.begin(), end, tokens_.begin());
  return static_cast<std::size_t>(differs.first - prompt.begin());
}

void Slot::start(std::shared_ptr<Request> request, Slot* source, std::size_t cached) {
  if (source == nullptr || !recall(*source, cached)) {
    forget();
    cached = 0;
  }
  request_ = std::move(request);
  cache_key_ = request_->job().cache_key;
  writer_ = std::make_unique<AnswerWriter>(model_, request_->job(), request_->seed);
  if (request_->job().prompt_reports) {
    prompt_reports_ = std::make_unique<TokenReports>(model_, request_->job().sampling.logprobs);
  }
  prompt_reported_ = 0;
  prompt_cached_ = cached;
  prompt_read_ = cached;
  generated_ = 0;
  spoilt_ = false;
}

// False if the model cannot go back to there.
bool Slot::recall(Slot& source, std::size_t cached) {
  if (&source != this) {
    context_.copy(source.sequence_, sequence_);
    tokens_ = source.tokens_;
  }
  if (!context_.cut(sequence_, static_cast<int>(cached))) return false;
  wipe({reinterpret_cast<std::uint8_t*>(tokens_.data() + cached),
        (tokens_.size() - cached) * sizeof(Token)});
  tokens_.resize(cached);
  return true;
}

void Slot::forget() {
  context_.forget(sequence_);
  wipe_tokens(tokens_);
  cache_key_.clear();
}

int Slot::feed(int most) {
  if (context_.room() == 0) return 0;
  const auto position = [this] { return static_cast<int>(tokens_.size()); };
  if (generating()) {
    in_batch_ = true;
    place_ = context_.add(next_, position(), sequence_, LlamaContext::Output::wanted);
    tokens_.push_back(next_);
    return 0;
  }
  const std::vector<Token>& prompt = request_->job().prompt;
  const int count = affordable(std::min({context_.room(), most, static_cast<int>(prompt_left())}));
  const auto usual = prompt_reports_ ? LlamaContext::Output::spare : LlamaContext::Output::none;
  for (int i = 0; i < count; ++i) {
    const Token token = prompt[prompt_read_++];
    const bool last = prompt_left() == 0;
    const int place =
        context_.add(token, position(), sequence_, last ? LlamaContext::Output::wanted : usual);
    if (i == 0) report_place_ = place;
    if (last) {
      place_ = place;
    } else if (prompt_reports_) {
      ++reports_due_;
    }
    tokens_.push_back(token);
  }
  in_batch_ = count > 0;
  return count;
}

// How many of `count` tokens of the prompt the next batch has outputs for.
int Slot::affordable(int count) const {
  if (!prompt_reports_) return count;
  const int spare = context_.spare_outputs();
  const bool to_its_end = count == static_cast<int>(prompt_left());
  return to_its_end && count - 1 <= spare ? count : std::min(count, spare);
}

// What comes out at each token tells of the one after it. False if nothing did.
bool Slot::report_prompt() {
  if (!prompt_reports_) return true;
  const std::vector<Token>& prompt = request_->job().prompt;
  if (prompt_reported_ == 0) prompt_reports_->add_given(prompt[prompt_reported_++], 0);
  for (int i = 0; i < reports_due_; ++i) {
    const std::span<float> logits = context_.logits(report_place_ + i);
    if (logits.empty()) return false;
    prompt_reports_->add(prompt[prompt_reported_++], logits, 0);
  }
  request_->sink->on_prompt(prompt_reports_->take(0));
  if (prompt_reported_ == prompt.size()) prompt_reports_.reset();
  return true;
}

std::optional<Finish> Slot::advance(int& picked) {
  picked = 0;
  if (!report_prompt()) return Finish::error;
  if (place_ < 0) return std::nullopt;
  if (request_->job().max_tokens == 0) return Finish::length;
  const std::span<float> logits = context_.logits(place_);
  if (logits.empty()) return Finish::error;
  const AnswerWriter::Step step = writer_->write(logits);
  next_ = step.token;
  picked = 1;
  ++generated_;
  show(step.shown);
  if (step.finish) return step.finish;
  if (generated_ >= request_->job().max_tokens) return Finish::length;
  if (static_cast<int>(tokens_.size()) >= context_.length() && !make_room()) return Finish::length;
  return std::nullopt;
}

// Forgets the older half of a full context, if that is asked for and the model can.
bool Slot::make_room() {
  const int length = context_.length();
  const int count = (length - kNeverForgotten) / 2;
  if (!rules_.context_shift || count < 1 ||
      !context_.shift(sequence_, kNeverForgotten, kNeverForgotten + count)) {
    return false;
  }
  const auto from = tokens_.begin() + kNeverForgotten;
  std::move(from + count, tokens_.end(), from);
  wipe({reinterpret_cast<std::uint8_t*>(&*(tokens_.end() - count)),
        static_cast<std::size_t>(count) * sizeof(Token)});
  tokens_.resize(tokens_.size() - static_cast<std::size_t>(count));
  // What stands there now was computed from what is gone: nobody may take it for the real thing.
  spoilt_ = true;
  return true;
}

Slot::Ended Slot::end(Finish finish) {
  if (finish == Finish::stop || finish == Finish::length) show(writer_->finish());
  if (spoilt_ || cache_key_.empty() || !rules_.keep_prompts) forget();
  const Usage usage{.prompt_tokens = static_cast<int>(request_->job().prompt.size()),
                    .cached_tokens = static_cast<int>(prompt_cached_),
                    .completion_tokens = generated_,
                    .reasoning_tokens = writer_->reasoning_tokens(),
                    .stopped_by = writer_->stopped_by()};
  writer_.reset();
  prompt_reports_.reset();
  in_batch_ = false;
  return {.request = std::exchange(request_, nullptr), .usage = usage};
}

void Slot::show(const AnswerWriter::Shown& shown) const {
  if (!shown.text.empty()) request_->sink->on_text(shown.text, shown.reports);
}

}  // namespace confide::engine
