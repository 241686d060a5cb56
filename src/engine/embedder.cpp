#include "engine/embedder.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/secret.h"
#include "engine/fair_queue.h"
#include "engine/flag_ticket.h"
#include "engine/llama_context.h"
#include "engine/llama_model.h"
#include "engine/machine.h"
#include "engine/memory_need.h"

namespace confide::engine {
namespace {

constexpr int kTextsAtOnce = 16;

std::size_t count(int limit) { return static_cast<std::size_t>(limit); }

using Clock = std::chrono::steady_clock;

struct Order {
  Order(EmbeddingJob submitted, Embedder::Done then)
      : job(std::move(submitted)), done(std::move(then)), left(job.texts.size()), vectors(left) {}
  ~Order() {
    for (auto& text : job.texts) {
      wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size() * sizeof(Token)});
    }
  }
  Order(const Order&) = delete;
  Order& operator=(const Order&) = delete;

  EmbeddingJob job;
  Embedder::Done done;
  Clock::time_point since = Clock::now();  // it waits
  std::atomic<bool> cancelled{false};
  std::size_t left;  // the embedder's thread's own, like the rest
  std::vector<Vector> vectors;
  bool begun = false;
  Status failure;  // the first
};

struct Item {
  std::shared_ptr<Order> order;
  std::size_t text = 0;

  const std::vector<Token>& tokens() const { return order->job.texts[text]; }
};

Vector normalised(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  const double scale = sum > 0 ? 1.0 / std::sqrt(sum) : 0.0;
  Vector out;
  out.reserve(values.size());
  for (const float value : values) {
    out.push_back(static_cast<float>(static_cast<double>(value) * scale));
  }
  return out;
}

class LlamaEmbedder final : public Embedder {
 public:
  LlamaEmbedder(LlamaModel model, std::string build)
      : model_(std::move(model)), build_(std::move(build)) {}
  ~LlamaEmbedder() override { LlamaEmbedder::stop(); }
  LlamaEmbedder(const LlamaEmbedder&) = delete;
  LlamaEmbedder& operator=(const LlamaEmbedder&) = delete;

  Status start(const LlamaContext::Shape& shape, const EmbedderOptions& options) {
    TRY_ASSIGN(context_, LlamaContext::make(model_, shape, [this] { return stopping_.load(); }));
    queue_ = count(options.queue);
    queue_seconds_ = std::chrono::seconds{options.queue_seconds};
    info_ = {.description = model_.description(),
             .context_length = context_->length(),
             .parameters = model_.parameters()};
    thread_ = std::thread(&LlamaEmbedder::run, this);
    return {};
  }

  const ModelInfo& info() const noexcept override { return info_; }
  const std::string& build() const noexcept override { return build_; }
  int dimensions() const noexcept override { return model_.embedding_size(); }
  int vocabulary_size() const noexcept override { return model_.vocabulary_size(); }

  Result<std::vector<Token>> tokenize(std::string_view text) const override {
    if (text.size() > static_cast<std::size_t>(info_.context_length) * model_.longest_piece()) {
      return fail(Errc::limit, fmt::format("more text than fits {} tokens", info_.context_length));
    }
    return model_.tokenize(text, LlamaModel::Control::plain, LlamaModel::Frame::add);
  }

  Result<std::unique_ptr<Ticket>> submit(EmbeddingJob job, Done done) override {
    auto order = std::make_shared<Order>(std::move(job), std::move(done));
    TRY(check(*order));
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return fail(Errc::unavailable, "the embedder is stopping");
      if (waiting_.size() + order->left > queue_) {
        return fail(Errc::limit, "the embedder's queue is full");
      }
      for (std::size_t i = 0; i < order->job.texts.size(); ++i) {
        waiting_.push(order->job.caller, {.order = order, .text = i});
      }
    }
    work_.notify_one();
    return std::make_unique<FlagTicket>(
        std::shared_ptr<std::atomic<bool>>(order, &order->cancelled));
  }

  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_one();
    const std::lock_guard lock(join_);
    if (thread_.joinable()) thread_.join();
  }

 private:
  Status check(const Order& order) const {
    if (order.job.texts.empty()) return fail(Errc::malformed, "no text");
    for (const auto& text : order.job.texts) {
      if (text.empty()) return fail(Errc::malformed, "an empty text");
      if (text.size() > static_cast<std::size_t>(info_.context_length)) {
        return fail(Errc::malformed, fmt::format("a text of {} tokens does not fit a context of {}",
                                                 text.size(), info_.context_length));
      }
      if (std::ranges::any_of(text,
                              [&](Token t) { return t < 0 || t >= model_.vocabulary_size(); })) {
        return fail(Errc::malformed, "no such token");
      }
    }
    return {};
  }

  void run() {
    while (wait_for_work()) {
      drop_unwanted();
      if (const std::vector<Item> batch = next_batch(); !batch.empty()) compute(batch);
    }
    for (const Item& item : drop([](const Item&) { return true; })) {
      end_one(item, fail(Errc::unavailable, "the embedder stopped"));
    }
  }

  bool wait_for_work() {
    std::unique_lock lock(mutex_);
    if (!stopping_ && waiting_.empty()) {
      context_->rest();
      work_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    }
    return !stopping_;
  }

  template <class Unwanted>
  std::vector<Item> drop(Unwanted unwanted) {
    const std::lock_guard lock(mutex_);
    return waiting_.drop(unwanted);
  }

  void drop_unwanted() {
    for (const Item& item : drop([](const Item& i) { return i.order->cancelled.load(); })) {
      end_one(item, fail(Errc::unavailable, "cancelled"));
    }
    if (queue_seconds_.count() == 0) return;
    const auto since = Clock::now() - queue_seconds_;
    const auto late = [&](const Item& i) { return i.order->since < since && !i.order->begun; };
    for (const Item& item : drop(late)) end_one(item, fail(Errc::expired, "waited for too long"));
  }

  std::vector<Item> next_batch() {
    const std::lock_guard lock(mutex_);
    std::vector<Item> batch;
    int room = context_->room();
    const auto fits = [&](const Item& i) { return i.tokens().size() <= count(room); };
    while (batch.size() < kTextsAtOnce) {
      std::optional<Item> next = waiting_.take(fits);
      if (!next) break;
      room -= static_cast<int>(next->tokens().size());
      next->order->begun = true;
      batch.push_back(*std::move(next));
    }
    return batch;
  }

  void compute(const std::vector<Item>& batch) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      int position = 0;
      for (const Token token : batch[i].tokens()) {
        context_->add(token, position++, static_cast<int>(i), LlamaContext::Output::wanted);
      }
    }
    const bool computed = context_->decode() == LlamaContext::Outcome::done;
    {
      const std::lock_guard lock(mutex_);
      for (const Item& item : batch) waiting_.ended(item.order->job.caller);
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto values =
          computed ? context_->embedding(static_cast<int>(i)) : std::span<const float>();
      if (!values.empty()) {
        batch[i].order->vectors[batch[i].text] = normalised(values);
        end_one(batch[i], {});
      } else if (stopping_) {
        end_one(batch[i], fail(Errc::unavailable, "the embedder stopped"));
      } else {
        end_one(batch[i], fail(Errc::internal, "the computation failed"));
      }
    }
    context_->forget_all();
  }

  static void end_one(const Item& item, Status outcome) {
    Order& order = *item.order;
    if (order.failure && !outcome) order.failure = std::move(outcome);
    if (--order.left > 0) return;
    // Whoever it calls may hold the order.
    const Done done = std::exchange(order.done, {});
    if (order.failure) return done(std::move(order.vectors));
    done(tl::unexpected(order.failure.error()));
  }

  LlamaModel model_;
  std::string build_;
  ModelInfo info_;
  std::unique_ptr<LlamaContext> context_;
  std::size_t queue_ = 0;
  std::chrono::seconds queue_seconds_{};

  std::mutex mutex_;
  std::condition_variable work_;
  FairQueue<Item> waiting_;  // under mutex_
  std::atomic<bool> stopping_{false};
  std::mutex join_;  // one at a time may join
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Embedder>> Embedder::load(const ModelFile& file,
                                                 const EmbedderOptions& options) {
  if (options.context < 1) return fail(Errc::malformed, "context: at least 1 token");
  if (options.threads < 0) return fail(Errc::malformed, "threads: not below 0");
  if (options.queue < 1) return fail(Errc::malformed, "queue: at least 1 text");
  if (options.queue_seconds < 0) return fail(Errc::malformed, "queue seconds: not below 0");
  const LlamaContext::Shape shape{.sequences = kTextsAtOnce,
                                  .context = options.context,
                                  .threads = compute_threads(options.threads),
                                  .embeddings = true};
  TRY(check_memory(file, shape));
  TRY_ASSIGN(LlamaModel model, LlamaModel::load(file, LlamaModel::Purpose::embeddings));
  auto embedder = std::make_unique<LlamaEmbedder>(std::move(model), engine_build());
  TRY(embedder->start(shape, options));
  return embedder;
}

}  // namespace confide::engine
