#include "engine/scheduler.h"

#include <algorithm>
#include <utility>

namespace confide::engine {

Result<std::unique_ptr<Scheduler>> Scheduler::start(const LlamaModel& model,
                                                    const LlamaContext::Shape& shape, int queue) {
  std::unique_ptr<Scheduler> made(new Scheduler(shape.sequences, queue));
  TRY_ASSIGN(made->context_,
             LlamaContext::make(model, shape, [s = made.get()] { return s->should_abort(); }));
  made->slots_.reserve(made->slot_count_);
  for (int i = 0; i < shape.sequences; ++i) made->slots_.emplace_back(i, model, *made->context_);
  made->thread_ = std::thread(&Scheduler::run, made.get());
  return made;
}

Scheduler::Scheduler(int slots, int queue)
    : slot_count_(static_cast<std::size_t>(slots)), queue_limit_(static_cast<std::size_t>(queue)) {}

Scheduler::~Scheduler() { stop(); }

void Scheduler::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  const std::lock_guard lock(join_);
  if (thread_.joinable()) thread_.join();
}

Status Scheduler::submit(const std::vector<std::shared_ptr<Request>>& requests) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return fail(Errc::unavailable, "the engine is stopping");
    if (active_ + waiting_.size() + requests.size() > slot_count_ + queue_limit_) {
      return fail(Errc::limit, "the engine's queue is full");
    }
    waiting_.insert(waiting_.end(), requests.begin(), requests.end());
  }
  work_.notify_one();
  return {};
}

Load Scheduler::load() const {
  const std::lock_guard lock(mutex_);
  return {.active = static_cast<int>(active_),
          .waiting = static_cast<int>(waiting_.size()),
          .prompt_tokens_total = prompt_tokens_,
          .completion_tokens_total = completion_tokens_};
}

void Scheduler::run() {
  while (wait_for_work()) {
    drop_cancelled();
    admit();
    fill_batch();
    if (std::ranges::none_of(slots_, &Slot::busy)) continue;
    switch (context_->decode()) {
      case LlamaContext::Outcome::done:
        advance_slots();
        break;
      case LlamaContext::Outcome::aborted:  // all of them were cancelled: the next round sees it
        break;
      case LlamaContext::Outcome::failed:
        fail_batch();
        break;
    }
  }
  cancel_all();
}

// False: stop.
bool Scheduler::wait_for_work() {
  std::unique_lock lock(mutex_);
  if (!stopping_ && active_ == 0 && waiting_.empty()) {
    context_->rest();
    work_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
  }
  return !stopping_;
}

void Scheduler::drop_cancelled() {
  for (Slot& slot : slots_) {
    if (slot.busy() && slot.cancelled()) end(slot, Finish::cancelled);
  }
  std::vector<std::shared_ptr<Request>> dropped;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(waiting_, [&](const std::shared_ptr<Request>& request) {
      if (!request->cancelled()) return false;
      dropped.push_back(request);
      return true;
    });
  }
  for (const auto& request : dropped) request->sink->on_done(Finish::cancelled, {});
}

void Scheduler::admit() {
  const std::lock_guard lock(mutex_);
  for (Slot& slot : slots_) {
    if (waiting_.empty()) return;
    if (slot.busy()) continue;
    slot.start(std::move(waiting_.front()));
    waiting_.pop_front();
    order_.push_back(&slot);
    ++active_;
  }
}

// Whoever generates comes first; prompts share the rest of the batch in the order they came, so
// that a stream of new ones cannot hold up an old one.
void Scheduler::fill_batch() {
  int prompt_tokens = 0;
  for (const bool generating : {true, false}) {
    for (Slot* slot : order_) {
      if (slot->generating() == generating) prompt_tokens += slot->feed();
    }
  }
  prompt_tokens_ += static_cast<std::uint64_t>(prompt_tokens);
}

void Scheduler::advance_slots() {
  for (Slot& slot : slots_) {
    if (!slot.busy() || !slot.in_batch()) continue;
    int picked = 0;
    const std::optional<Finish> finish = slot.advance(picked);
    completion_tokens_ += static_cast<std::uint64_t>(picked);
    if (finish) end(slot, *finish);
  }
}

void Scheduler::fail_batch() {
  for (Slot& slot : slots_) {
    if (slot.busy() && slot.in_batch()) end(slot, Finish::error);
  }
}

// The slot is free before anyone hears of it.
void Scheduler::end(Slot& slot, Finish finish) {
  const Slot::Ended ended = slot.end(finish);
  std::erase(order_, &slot);
  {
    const std::lock_guard lock(mutex_);
    --active_;
  }
  ended.request->sink->on_done(finish, ended.usage);
}

void Scheduler::cancel_all() {
  for (Slot& slot : slots_) {
    if (slot.busy()) end(slot, Finish::cancelled);
  }
  std::deque<std::shared_ptr<Request>> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting.swap(waiting_);
  }
  for (const auto& request : waiting) request->sink->on_done(Finish::cancelled, {});
}

// Asked on the engine's own thread, within decode(). A batch goes on as long as somebody waits for
// it.
bool Scheduler::should_abort() const {
  if (stopping_.load(std::memory_order_relaxed)) return true;
  const auto unwanted = [](const Slot& slot) { return !slot.busy() || slot.cancelled(); };
  return !slots_.empty() && std::ranges::all_of(slots_, unwanted);
}

}  // namespace confide::engine
