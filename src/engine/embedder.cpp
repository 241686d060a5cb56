#include "engine/embedder.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/secret.h"
#include "engine/llama_context.h"
#include "engine/llama_model.h"
#include "engine/machine.h"
#include "engine/memory_need.h"

namespace confide::engine {
namespace {

constexpr int kTextsAtOnce = 16;

struct Order {
  ~Order() {
    for (auto& text : texts) {
      wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size() * sizeof(Token)});
    }
  }
  std::vector<std::vector<Token>> texts;
  Embedder::Done done;
  std::vector<Vector> vectors;  // the embedder's thread's own, like the next
  std::size_t left = 0;
  bool failed = false;
};

struct Item {
  std::shared_ptr<Order> order;
  std::size_t text = 0;
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

  Status start(const LlamaContext::Shape& shape, int queue) {
    TRY_ASSIGN(context_, LlamaContext::make(model_, shape, [this] { return stopping_.load(); }));
    queue_ = static_cast<std::size_t>(queue);
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

  Status submit(std::vector<std::vector<Token>> texts, Done done) override {
    auto order = std::make_shared<Order>();
    order->texts = std::move(texts);
    order->done = std::move(done);
    order->left = order->texts.size();
    order->vectors.resize(order->left);
    TRY(check(*order));
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return fail(Errc::unavailable, "the embedder is stopping");
      if (waiting_.size() + order->left > queue_) {
        return fail(Errc::limit, "the embedder's queue is full");
      }
      for (std::size_t i = 0; i < order->texts.size(); ++i) waiting_.push_back({order, i});
    }
    work_.notify_one();
    return {};
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
    if (order.texts.empty()) return fail(Errc::malformed, "no text");
    for (const auto& text : order.texts) {
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
    while (wait_for_work()) compute(next_batch());
    for (const Item& item : everything()) end_one(item, false);
  }

  bool wait_for_work() {
    std::unique_lock lock(mutex_);
    if (!stopping_ && waiting_.empty()) {
      context_->rest();
      work_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    }
    return !stopping_;
  }

  std::vector<Item> next_batch() {
    const std::lock_guard lock(mutex_);
    std::vector<Item> batch;
    int room = context_->room();
    while (!waiting_.empty() && batch.size() < kTextsAtOnce) {
      const Item& item = waiting_.front();
      const int size = static_cast<int>(item.order->texts[item.text].size());
      if (size > room) break;
      room -= size;
      batch.push_back(item);
      waiting_.pop_front();
    }
    return batch;
  }

  void compute(const std::vector<Item>& batch) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      int position = 0;
      for (const Token token : batch[i].order->texts[batch[i].text]) {
        context_->add(token, position++, static_cast<int>(i), LlamaContext::Output::wanted);
      }
    }
    const bool computed = context_->decode() == LlamaContext::Outcome::done;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto values =
          computed ? context_->embedding(static_cast<int>(i)) : std::span<const float>();
      if (!values.empty()) batch[i].order->vectors[batch[i].text] = normalised(values);
      end_one(batch[i], !values.empty());
    }
    context_->forget_all();
  }

  std::deque<Item> everything() {
    const std::lock_guard lock(mutex_);
    return std::exchange(waiting_, {});
  }

  void end_one(const Item& item, bool computed) const {
    Order& order = *item.order;
    order.failed = order.failed || !computed;
    if (--order.left > 0) return;
    if (!order.failed) return order.done(std::move(order.vectors));
    order.done(stopping_ ? fail(Errc::unavailable, "the embedder stopped")
                         : fail(Errc::internal, "the computation failed"));
  }

  LlamaModel model_;
  std::string build_;
  ModelInfo info_;
  std::unique_ptr<LlamaContext> context_;
  std::size_t queue_ = 0;

  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Item> waiting_;  // under mutex_
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
  const LlamaContext::Shape shape{.sequences = kTextsAtOnce,
                                  .context = options.context,
                                  .threads = compute_threads(options.threads),
                                  .embeddings = true};
  TRY(check_memory(file, shape));
  TRY_ASSIGN(LlamaModel model, LlamaModel::load(file, LlamaModel::Purpose::embeddings));
  auto embedder = std::make_unique<LlamaEmbedder>(std::move(model), engine_build());
  TRY(embedder->start(shape, options.queue));
  return embedder;
}

}  // namespace confide::engine
