// One place in the continuous batch, and the request that runs in it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/answer_writer.h"
#include "engine/engine.h"
#include "engine/llama_context.h"
#include "engine/llama_model.h"
#include "engine/token_reports.h"

namespace confide::engine {

// A submitted job, shared by its ticket and the requests for its answers. Its prompt is wiped at
// the end.
struct SharedJob {
  explicit SharedJob(Job submitted) : job(std::move(submitted)) {}
  ~SharedJob();
  SharedJob(const SharedJob&) = delete;
  SharedJob& operator=(const SharedJob&) = delete;

  Job job;  // not to be changed while anybody works on it
  std::atomic<bool> cancelled{false};
  std::atomic<bool> begun{false};  // one of its answers has got a slot, so none expires
};

// For one answer to a job.
struct Request {
  std::shared_ptr<SharedJob> shared;
  std::shared_ptr<Sink> sink;
  std::uint32_t seed = 0;
  std::chrono::steady_clock::time_point since;  // it waits

  const Job& job() const noexcept { return shared->job; }
  bool cancelled() const noexcept { return shared->cancelled.load(std::memory_order_relaxed); }
};

// Belongs to the engine's thread, like the context.
class Slot {
 public:
  struct Rules {
    bool keep_prompts = false;
    bool context_shift = false;
  };
  // Both must outlive it. `sequence` is the slot's own in the context.
  Slot(int sequence, const LlamaModel& model, LlamaContext& context, Rules rules);
  ~Slot();
  Slot(Slot&&) = default;
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  bool busy() const noexcept { return request_ != nullptr; }
  bool cancelled() const noexcept { return request_->cancelled(); }
  const Request& request() const noexcept { return *request_; }
  // Whether all of the prompt has been put into batches.
  bool generating() const noexcept { return prompt_left() == 0; }
  // Tokens of the prompt that have not.
  std::size_t prompt_left() const noexcept;
  // Whether the last batch held tokens of this slot.
  bool in_batch() const noexcept { return in_batch_; }

  // Tokens of the prompt that were remembered when the request started.
  std::size_t cached() const noexcept { return prompt_cached_; }
  // Tokens that the sequence remembers, of this request or of one before it.
  std::size_t remembered() const noexcept { return tokens_.size(); }
  // How many of the request's prompt it remembers, leaving one for it to read; 0 if what is
  // remembered is not for the request to find.
  std::size_t shared_with(const Request& request) const;

  // Takes an idle slot. `source` remembers the first `cached` tokens of the prompt, which come from
  // there, at once if it is the slot itself; null: everything is to be read.
  void start(std::shared_ptr<Request> request, Slot* source, std::size_t cached);
  // The next batch is made without it, unless it is fed.
  void sit_out() noexcept {
    in_batch_ = false;
    place_ = -1;
    reports_due_ = 0;
  }
  // Puts the token to go on from, or up to `most` tokens of the prompt, into the next batch, as far
  // as there is room. Returns how many tokens of prompt.
  int feed(int most);
  // After a batch: picks a token if the prompt is through, shows its text. Returns how the request
  // ended, if it did. Sets `picked` to the number of tokens picked.
  std::optional<Finish> advance(int& picked);
  // The last batch was not computed to its end: what the sequence remembers is of no use to others.
  void spoil() noexcept { spoilt_ = true; }
  // Frees the slot, and its memory unless it is kept. The caller tells the sink, after it has
  // counted.
  struct Ended {
    std::shared_ptr<Request> request;
    Usage usage;
  };
  Ended end(Finish finish);

 private:
  int affordable(int count) const;
  bool report_prompt();
  void show(const AnswerWriter::Shown& shown) const;
  void forget();
  bool recall(Slot& source, std::size_t cached);
  bool make_room();

  const LlamaModel& model_;
  LlamaContext& context_;
  int sequence_;
  Rules rules_;
  std::shared_ptr<Request> request_;
  std::unique_ptr<AnswerWriter> writer_;
  std::unique_ptr<TokenReports> prompt_reports_;  // until all are out; null: none are asked for
  std::size_t prompt_reported_ = 0;               // tokens of the prompt
  int report_place_ = 0;           // in the last batch, of what tells of the next of them
  int reports_due_ = 0;            // from there on
  std::vector<Token> tokens_;      // in the sequence
  std::string cache_key_;          // of the request that they are of
  std::size_t prompt_read_ = 0;    // tokens of the prompt in the sequence
  std::size_t prompt_cached_ = 0;  // of which were there before
  Token next_ = 0;                 // picked, but not yet in the sequence
  int generated_ = 0;              // tokens picked
  int place_ = -1;                 // in the last batch, of the token whose logits we want
  bool in_batch_ = false;
  bool spoilt_ = false;
};

}  // namespace confide::engine
