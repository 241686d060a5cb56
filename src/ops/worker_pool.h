// A bounded pool of threads for work that must not run on an I/O or engine thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace confide::ops {

class WorkerPool {
 public:
  WorkerPool(std::size_t threads, std::size_t max_queued);
  ~WorkerPool();  // stop()
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False if the queue is full: the caller answers 503. `job` must not throw.
  [[nodiscard]] bool try_post(std::function<void()> job);
  // For the continuation of work already admitted: never refused, so the caller bounds it, and done
  // before what try_post() queued, so that a flood of new work does not hold up the old.
  void post(std::function<void()> job);

  // Runs what is queued and what that posts, then joins; later jobs never run. Not from a job.
  void stop();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::deque<std::function<void()>> continuations_;
  std::size_t max_queued_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace confide::ops
