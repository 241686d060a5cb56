// One place in the continuous batch, and the request that runs in it.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "engine/answer_writer.h"
#include "engine/engine.h"
#include "engine/llama_context.h"
#include "engine/llama_model.h"

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
};

// For one answer to a job.
struct Request {
  std::shared_ptr<SharedJob> shared;
  std::shared_ptr<Sink> sink;
  std::uint32_t seed = 0;

  const Job& job() const noexcept { return shared->job; }
  bool cancelled() const noexcept { return shared->cancelled.load(std::memory_order_relaxed); }
};

// Belongs to the engine's thread, like the context.
class Slot {
 public:
  // Both must outlive it. `sequence` is the slot's own in the context.
  Slot(int sequence, const LlamaModel& model, LlamaContext& context);

  bool busy() const noexcept { return request_ != nullptr; }
  bool cancelled() const noexcept { return request_->cancelled(); }
  // Whether all of the prompt has been put into batches.
  bool generating() const noexcept;
  // Whether the last batch held tokens of this slot.
  bool in_batch() const noexcept { return in_batch_; }

  void start(std::shared_ptr<Request> request);
  // Puts the token to go on from, or as much of the prompt as fits, into the next batch. Returns
  // how many tokens of prompt.
  int feed();
  // After a batch: picks a token if the prompt is through, shows its text. Returns how the request
  // ended, if it did. Sets `picked` to the number of tokens picked.
  std::optional<Finish> advance(int& picked);
  // Frees the slot and its memory. The caller tells the sink, after it has counted.
  struct Ended {
    std::shared_ptr<Request> request;
    Usage usage;
  };
  Ended end(Finish finish);

 private:
  void show(const AnswerWriter::Shown& shown) const;

  const LlamaModel& model_;
  LlamaContext& context_;
  int sequence_;
  std::shared_ptr<Request> request_;
  std::unique_ptr<AnswerWriter> writer_;
  Token next_ = 0;     // picked, but not yet in the sequence
  int position_ = 0;   // tokens in the sequence
  int generated_ = 0;  // tokens picked
  int place_ = -1;     // in the last batch, of the token whose logits we want
  bool in_batch_ = false;
};

}  // namespace confide::engine
