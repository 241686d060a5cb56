#include "stub_engine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace confide::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kBytesPerToken = 4;

std::string words(int bytes) {
  constexpr std::string_view kWord = " word";
  std::string out;
  while (out.size() < static_cast<std::size_t>(bytes)) out += kWord;
  out.resize(static_cast<std::size_t>(bytes));
  return out;
}

struct Running {
  std::vector<std::shared_ptr<engine::Sink>> sinks;
  int prompt_tokens = 0;
  int left = 0;  // tokens of each answer
  int said = 0;
  std::atomic<bool> cancelled = false;
};

class StubTicket final : public engine::Ticket {
 public:
  explicit StubTicket(std::shared_ptr<Running> job) : job_(std::move(job)) {}
  ~StubTicket() override { job_->cancelled = true; }
  StubTicket(const StubTicket&) = delete;
  StubTicket& operator=(const StubTicket&) = delete;
  void cancel() noexcept override { job_->cancelled = true; }

 private:
  std::shared_ptr<Running> job_;
};

class StubEngine final : public engine::Engine {
 public:
  explicit StubEngine(const StubOptions& options)
      : options_(options),
        info_{.description = "no model", .context_length = options.context, .parameters = 0},
        text_(words(options.token_bytes)),
        thread_([this] { run(); }) {}
  ~StubEngine() override { stop(); }
  StubEngine(const StubEngine&) = delete;
  StubEngine& operator=(const StubEngine&) = delete;

  const engine::ModelInfo& info() const noexcept override { return info_; }
  const std::string& build() const noexcept override { return build_; }
  int vocabulary_size() const noexcept override { return 2; }

  Result<std::vector<engine::Token>> tokenize(std::string_view text, bool) const override {
    return std::vector<engine::Token>((text.size() + kBytesPerToken - 1) / kBytesPerToken, 1);
  }
  Result<std::vector<engine::Token>> prepare_infill(std::string_view prefix,
                                                    std::string_view suffix) const override {
    return tokenize(std::string(prefix) + std::string(suffix), false);
  }
  Result<std::string> detokenize(std::span<const engine::Token> tokens) const override {
    return std::string(tokens.size() * kBytesPerToken, '.');
  }
  Result<engine::ChatPrompt> prepare(const engine::Conversation& conversation) const override {
    std::size_t bytes = 1;
    for (const engine::Message& message : conversation.messages) bytes += message.content.size();
    engine::ChatPrompt out;
    out.tokens.assign((bytes + kBytesPerToken - 1) / kBytesPerToken, 1);
    return out;
  }

  Result<std::unique_ptr<engine::Ticket>> submit(
      engine::Job job, std::vector<std::shared_ptr<engine::Sink>> sinks) override;
  engine::Load load_now() const override;
  void stop() override;

 private:
  void run();
  // Moves what waits into free slots. With the lock held.
  void fill_slots();
  // False once the answer is over. Without the lock.
  bool advance(Running& job);
  void finish(Running& job, engine::Finish how);

  const StubOptions options_;
  const engine::ModelInfo info_;
  const std::string build_ = "stub engine 1";
  const std::string text_;  // of one token
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Running>> waiting_;
  std::vector<std::shared_ptr<Running>> active_;  // the thread's own, but for its size
  std::atomic<int> active_count_ = 0;
  std::atomic<std::uint64_t> prompt_tokens_ = 0;
  std::atomic<std::uint64_t> completion_tokens_ = 0;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

Result<std::unique_ptr<engine::Ticket>> StubEngine::submit(
    engine::Job job, std::vector<std::shared_ptr<engine::Sink>> sinks) {
  auto running = std::make_shared<Running>();
  running->sinks = std::move(sinks);
  running->prompt_tokens = static_cast<int>(job.prompt.size());
  running->left = std::min(job.max_tokens, options_.answer_tokens);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return fail(Errc::unavailable, "the engine has stopped");
    const auto room = static_cast<std::size_t>(options_.slots - active_count_ + options_.queue);
    if (waiting_.size() >= room) return fail(Errc::limit, "the queue is full");
    waiting_.push_back(running);
  }
  wake_.notify_one();
  return std::make_unique<StubTicket>(std::move(running));
}

engine::Load StubEngine::load_now() const {
  const std::lock_guard lock(mutex_);
  return {.active = active_count_,
          .waiting = static_cast<int>(waiting_.size()),
          .prompt_tokens_total = prompt_tokens_,
          .cached_tokens_total = 0,
          .completion_tokens_total = completion_tokens_};
}

void StubEngine::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void StubEngine::fill_slots() {
  while (!waiting_.empty() && active_.size() < static_cast<std::size_t>(options_.slots)) {
    active_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    active_.back()->left = std::max(active_.back()->left, 1);
  }
  active_count_ = static_cast<int>(active_.size());
}

void StubEngine::finish(Running& job, engine::Finish how) {
  prompt_tokens_ += static_cast<std::uint64_t>(job.prompt_tokens);
  for (const auto& sink : std::exchange(job.sinks, {})) {
    completion_tokens_ += static_cast<std::uint64_t>(job.said);
    sink->on_done(how, {.prompt_tokens = job.prompt_tokens, .completion_tokens = job.said});
  }
}

bool StubEngine::advance(Running& job) {
  if (job.cancelled) return finish(job, engine::Finish::cancelled), false;
  const int now = options_.tokens_per_second > 0 ? 1 : job.left;
  for (const auto& sink : job.sinks) {
    if (job.said == 0) sink->on_start();
    for (int i = 0; i < now; ++i) sink->on_text(text_, {});
  }
  job.said += now;
  job.left -= now;
  if (job.left == 0) finish(job, engine::Finish::length);
  return job.left > 0;
}

void StubEngine::run() {
  const auto beat = options_.tokens_per_second > 0
                        ? std::chrono::duration_cast<SteadyClock::duration>(
                              std::chrono::duration<double>(1 / options_.tokens_per_second))
                        : SteadyClock::duration{};
  auto due = SteadyClock::now();
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty() || !active_.empty(); });
    due = std::max(due + beat, SteadyClock::now());
    wake_.wait_until(lock, due, [this] { return stopping_; });
    if (stopping_) break;
    fill_slots();
    lock.unlock();
    std::erase_if(active_, [this](const auto& job) { return !advance(*job); });
    lock.lock();
    active_count_ = static_cast<int>(active_.size());
  }
  fill_slots();
  auto rest = std::exchange(waiting_, {});
  lock.unlock();
  for (const auto& job : active_) finish(*job, engine::Finish::cancelled);
  for (const auto& job : rest) finish(*job, engine::Finish::cancelled);
}

}  // namespace

std::unique_ptr<engine::Engine> make_stub_engine(const StubOptions& options) {
  return std::make_unique<StubEngine>(options);
}

}  // namespace confide::bench
