// The engine's thread: it takes requests from the queue into slots and runs all slots together,
// one batch after the other.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/fair_queue.h"
#include "engine/llama_context.h"
#include "engine/llama_model.h"
#include "engine/slot.h"

namespace confide::engine {

class Scheduler {
 public:
  // Starts the thread. `model` must outlive it. Fails as LlamaContext::make() does.
  static Result<std::unique_ptr<Scheduler>> start(const LlamaModel& model, const Options& options);
  ~Scheduler();  // stops
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  int context_length() const noexcept { return context_->length(); }
  // Cancels every request and joins the thread. May be called again, by any thread but its own.
  void stop();
  // All of them or none. Fails with `limit` if they are more than the free slots and the queue
  // take, `unavailable` once stopped.
  Status submit(const std::vector<std::shared_ptr<Request>>& requests);
  Load load() const;

 private:
  using Clock = std::chrono::steady_clock;
  // Where a request goes, and what of its prompt is known already.
  struct Place {
    Slot* slot = nullptr;
    Slot* source = nullptr;
    std::size_t cached = 0;
  };

  explicit Scheduler(const Options& options);

  void run();
  bool wait_for_work();
  void drop_unwanted();
  void admit();
  std::shared_ptr<Request> next_waiting();
  bool waits_for_sibling(const Request& request) const;
  Place place_for(const Request& request);
  Slot* least_used(const Slot* besides);
  void fill_batch();
  int feed_prompts(std::vector<Slot*>& reading);
  void advance_slots();
  void spoil_batch();
  void fail_batch();
  void end(Slot& slot, Finish finish);
  void cancel_all();
  bool should_abort() const;

  const Options options_;
  std::unique_ptr<LlamaContext> context_;
  std::vector<Slot> slots_;   // the thread's own, like the next
  std::vector<Slot*> order_;  // the busy ones, first admitted first
  std::vector<Slot*> idle_;   // least recently used first

  mutable std::mutex mutex_;
  std::condition_variable work_;
  FairQueue<std::shared_ptr<Request>> waiting_;  // under mutex_
  std::size_t active_ = 0;                       // under mutex_
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> prompt_tokens_{0};
  std::atomic<std::uint64_t> cached_tokens_{0};
  std::atomic<std::uint64_t> completion_tokens_{0};
  std::mutex join_;  // one at a time may join
  std::thread thread_;
};

}  // namespace confide::engine
