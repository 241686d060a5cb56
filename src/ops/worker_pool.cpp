#include "ops/worker_pool.h"

#include <utility>

#include "ops/log.h"

namespace confide::ops {
namespace {

// The last catch. A job that throws broke its promise: its caller gets no answer, the others are
// served on. The exception's text stays out of the log, since it may quote a request.
void run_job(const std::function<void()>& job) noexcept {
  try {
    job();
  } catch (...) {
    log_error("a job on the worker pool threw an exception");
  }
}

}  // namespace

WorkerPool::WorkerPool(std::size_t threads, std::size_t max_queued) : max_queued_(max_queued) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

WorkerPool::~WorkerPool() { stop(); }

void WorkerPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool WorkerPool::try_post(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || jobs_.size() >= max_queued_) return false;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

void WorkerPool::post(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    continuations_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void WorkerPool::run() {
  while (true) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty() || !continuations_.empty(); });
      // A job that is still running may post its continuation; its own thread then finds it here.
      auto& next = continuations_.empty() ? jobs_ : continuations_;
      if (next.empty()) return;
      job = std::move(next.front());
      next.pop_front();
    }
    run_job(job);
  }
}

}  // namespace confide::ops
