#include "api/pacer.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "ops/log.h"

namespace confide::api {
namespace {

// Out of memory for one must not be the end of all. What is let go of here is cut, not left
// waiting, once its other owners let go as well.
bool ticks_on(Paced& member) {
  try {
    return member.tick();
  } catch (const std::exception&) {
    ops::log_error("a paced answer threw; it gets no further");
    return false;
  }
}

}  // namespace

Pacer::Pacer(std::chrono::milliseconds interval)
    : interval_(interval), thread_([this] { run(); }) {}

Pacer::~Pacer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Pacer::add(std::shared_ptr<Paced> member) {
  {
    const std::lock_guard lock(mutex_);
    members_.push_back(std::move(member));
  }
  wake_.notify_one();
}

void Pacer::run() {
  auto due = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !members_.empty(); });
    // After a pause, or when the machine could not keep up, the beat starts anew.
    due = std::max(due + interval_, std::chrono::steady_clock::now());
    wake_.wait_until(lock, due, [this] { return stopping_; });
    if (stopping_) return;
    auto ticking = std::exchange(members_, {});
    lock.unlock();
    std::erase_if(ticking, [](const auto& member) { return !ticks_on(*member); });
    lock.lock();
    std::ranges::move(ticking, std::back_inserter(members_));
  }
}

}  // namespace confide::api
