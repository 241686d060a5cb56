// The engine's thread: it takes requests from the queue into slots and runs all slots together,
// one batch after the other.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/llama_context.h"
#include "engine/llama_model.h"
#include "engine/slot.h"

namespace confide::engine {

class Scheduler {
 public:
  // Starts the thread. `model` must outlive it. Fails as LlamaContext::make() does.
  static Result<std::unique_ptr<Scheduler>> start(const LlamaModel& model,
                                                  const LlamaContext::Shape& shape, int queue);
  ~Scheduler();  // stops
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  int context_length() const noexcept { return context_->length(); }
  // Cancels every request and joins the thread. May be called again, by any thread but its own.
  void stop();
  // Fails with `limit` if all slots are taken and the queue is full, `unavailable` once stopped.
  // All of them or none.
  Status submit(const std::vector<std::shared_ptr<Request>>& requests);
  Load load() const;

 private:
  Scheduler(int slots, int queue);

  void run();
  bool wait_for_work();
  void drop_cancelled();
  void admit();
  void fill_batch();
  void advance_slots();
  void fail_batch();
  void end(Slot& slot, Finish finish);
  void cancel_all();
  bool should_abort() const;

  const std::size_t slot_count_;
  const std::size_t queue_limit_;
  std::unique_ptr<LlamaContext> context_;
  std::vector<Slot> slots_;   // the thread's own, like the next
  std::vector<Slot*> order_;  // the busy ones, first admitted first

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<std::shared_ptr<Request>> waiting_;  // under mutex_
  std::size_t active_ = 0;                        // under mutex_
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> prompt_tokens_{0};
  std::atomic<std::uint64_t> completion_tokens_{0};
  std::mutex join_;  // one at a time may join
  std::thread thread_;
};

}  // namespace confide::engine
