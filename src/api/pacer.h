// A clock tick for answers that must leave at an even pace, whatever the engine does.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace confide::api {

class Paced {
 public:
  virtual ~Paced() = default;
  // Quick. False once it is over; it is not called again, nor after it has thrown.
  virtual bool tick() = 0;
};

// Ticks every member on a thread of its own until the member is over. Thread-safe.
class Pacer {
 public:
  explicit Pacer(std::chrono::milliseconds interval);
  ~Pacer();  // lets go of the members without ending them
  Pacer(const Pacer&) = delete;
  Pacer& operator=(const Pacer&) = delete;

  void add(std::shared_ptr<Paced> member);

 private:
  void run();

  const std::chrono::milliseconds interval_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::shared_ptr<Paced>> members_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace confide::api
