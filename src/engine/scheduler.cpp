#include "engine/scheduler.h"

#include <algorithm>
#include <utility>

namespace confide::engine {
namespace {

// A copy takes the time of reading so many tokens, or less: a share of the context, for the whole
// of its memory is copied.
std::size_t worth_copying(const LlamaContext& context) {
  return static_cast<std::size_t>(std::max(context.length() / 16, 32));
}

std::size_t count(int limit) { return static_cast<std::size_t>(limit); }

}  // namespace

Result<std::unique_ptr<Scheduler>> Scheduler::start(const LlamaModel& model,
                                                    const Options& options) {
  std::unique_ptr<Scheduler> made(new Scheduler(options));
  TRY_ASSIGN(made->context_, LlamaContext::make(model,
                                                {.sequences = options.slots,
                                                 .context = options.context_per_slot,
                                                 .threads = options.threads},
                                                [s = made.get()] { return s->should_abort(); }));
  made->slots_.reserve(count(options.slots));
  const Slot::Rules rules{.keep_prompts = options.keep_prompts && !options.deterministic,
                          .context_shift = options.context_shift};
  for (int i = 0; i < options.slots; ++i) {
    made->slots_.emplace_back(i, model, *made->context_, rules);
  }
  for (Slot& slot : made->slots_) made->idle_.push_back(&slot);
  made->thread_ = std::thread(&Scheduler::run, made.get());
  return made;
}

Scheduler::Scheduler(const Options& options) : options_(options) {}

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
    if (active_ + waiting_.size() + requests.size() >
        count(options_.slots) + count(options_.queue)) {
      return fail(Errc::limit, "the engine's queue is full");
    }
    for (const auto& request : requests) waiting_.push(request->job().caller, request);
  }
  work_.notify_one();
  return {};
}

Load Scheduler::load() const {
  const std::lock_guard lock(mutex_);
  return {.active = static_cast<int>(active_),
          .waiting = static_cast<int>(waiting_.size()),
          .prompt_tokens_total = prompt_tokens_,
          .cached_tokens_total = cached_tokens_,
          .completion_tokens_total = completion_tokens_};
}

void Scheduler::run() {
  while (wait_for_work()) {
    drop_unwanted();
    admit();
    fill_batch();
    if (order_.empty()) continue;
    switch (context_->decode()) {
      case LlamaContext::Outcome::done:
        advance_slots();
        break;
      case LlamaContext::Outcome::aborted:  // all of them were cancelled: the next round sees it
        spoil_batch();
        break;
      case LlamaContext::Outcome::failed:
        spoil_batch();
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

void Scheduler::drop_unwanted() {
  for (Slot& slot : slots_) {
    if (slot.busy() && slot.cancelled()) end(slot, Finish::cancelled);
  }
  const auto since = options_.queue_seconds == 0
                         ? Clock::time_point::min()
                         : Clock::now() - std::chrono::seconds{options_.queue_seconds};
  std::vector<std::shared_ptr<Request>> dropped;
  {
    const std::lock_guard lock(mutex_);
    dropped = waiting_.drop([&](const std::shared_ptr<Request>& request) {
      const bool expired = request->since < since && !request->shared->begun;
      return request->cancelled() || expired;
    });
  }
  for (const auto& request : dropped) {
    request->sink->on_done(request->cancelled() ? Finish::cancelled : Finish::expired, {});
  }
}

void Scheduler::admit() {
  while (!idle_.empty()) {
    std::shared_ptr<Request> request = next_waiting();
    if (request == nullptr) return;
    const Place place = place_for(*request);
    std::erase(idle_, place.slot);
    request->shared->begun = true;
    place.slot->start(request, place.source, place.cached);
    order_.push_back(place.slot);
    cached_tokens_ += place.slot->cached();
    prompt_tokens_ += place.slot->cached();
    request->sink->on_start();
  }
}

// It leaves the queue.
std::shared_ptr<Request> Scheduler::next_waiting() {
  const std::lock_guard lock(mutex_);
  auto next = waiting_.take([this](const auto& request) { return !waits_for_sibling(*request); });
  if (!next) return nullptr;
  ++active_;
  return *std::move(next);
}

// The answers to one job have one prompt: once a slot has read it, the others take it from there.
bool Scheduler::waits_for_sibling(const Request& request) const {
  if (options_.deterministic || request.job().prompt_reports ||
      request.job().prompt.size() <= worth_copying(*context_)) {
    return false;
  }
  return std::ranges::any_of(order_, [&](const Slot* slot) {
    return slot->request().shared == request.shared && !slot->generating();
  });
}

Scheduler::Place Scheduler::place_for(const Request& request) {
  if (options_.deterministic) return {.slot = idle_.front()};
  Place best;
  for (Slot& slot : slots_) {
    const std::size_t cached = slot.shared_with(request);
    if (cached > best.cached) best = {.slot = &slot, .source = &slot, .cached = cached};
  }
  if (best.source == nullptr) return {.slot = least_used(nullptr)};
  const bool idle = !best.source->busy();
  // A conversation that goes on takes its own slot. One that branches off early leaves the other
  // branch where it is.
  if (idle && (idle_.size() == 1 || 2 * best.cached >= best.source->remembered())) return best;
  best.slot = least_used(best.source);
  if (best.cached >= worth_copying(*context_)) return best;
  return {.slot = best.slot};
}

// An idle slot, one that remembers nothing if there is one.
Slot* Scheduler::least_used(const Slot* besides) {
  const auto empty =
      std::ranges::find_if(idle_, [](Slot* slot) { return slot->remembered() == 0; });
  if (empty != idle_.end()) return *empty;
  return idle_.front() == besides ? idle_.at(1) : idle_.front();
}

void Scheduler::fill_batch() {
  for (Slot* slot : order_) slot->sit_out();
  if (order_.empty()) return;
  int read = 0;
  if (options_.deterministic) {
    std::ranges::rotate(order_, order_.begin() + 1);
    read = order_.back()->feed(context_->room());
  } else {
    std::vector<Slot*> reading;
    for (Slot* slot : order_) {
      if (slot->generating()) {
        slot->feed(0);
      } else {
        reading.push_back(slot);
      }
    }
    read = feed_prompts(reading);
  }
  prompt_tokens_ += static_cast<std::uint64_t>(read);
}

// Whoever generates waits for no more than a chunk of prompts, or more where more prompts wait than
// answers are under way. The prompt that came first gets it, but for half of it at most, which goes
// to shorter ones: they do not wait for a long one, and none waits for ever. One after the other
// they cost less than side by side.
int Scheduler::feed_prompts(std::vector<Slot*>& reading) {
  if (reading.empty()) return 0;
  int room = context_->room();
  if (const std::size_t generating = order_.size() - reading.size(); generating > 0) {
    const std::size_t chunks = std::max<std::size_t>(reading.size() / generating, 1);
    const auto limit = chunks * count(options_.prompt_chunk);
    room = static_cast<int>(std::min(count(room), limit));
  }
  Slot* first = reading.front();
  reading.erase(reading.begin());
  std::size_t shorter = 0;
  for (const Slot* slot : reading) {
    if (slot->prompt_left() < first->prompt_left()) shorter += slot->prompt_left();
  }
  int read =
      first->feed(room - std::min(room / 2, static_cast<int>(std::min(shorter, count(room)))));
  std::ranges::sort(reading, {}, &Slot::prompt_left);
  for (Slot* slot : reading) {
    // A few tokens more are not worth the pass over the model that they would cost.
    if (count(room - read) < std::min(count(room / 8), slot->prompt_left())) break;
    read += slot->feed(room - read);
  }
  return read;
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

void Scheduler::spoil_batch() {
  for (Slot* slot : order_) {
    if (slot->in_batch()) slot->spoil();
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
  idle_.push_back(&slot);
  {
    const std::lock_guard lock(mutex_);
    --active_;
    waiting_.ended(ended.request->job().caller);
  }
  ended.request->sink->on_done(finish, ended.usage);
}

void Scheduler::cancel_all() {
  for (Slot& slot : slots_) {
    if (slot.busy()) end(slot, Finish::cancelled);
  }
  std::vector<std::shared_ptr<Request>> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting = waiting_.drop([](const auto&) { return true; });
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
