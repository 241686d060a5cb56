#include "net/exchange.h"

#include <utility>

namespace confide::net {
namespace {

class HandlerExchange final : public Exchange {
 public:
  explicit HandlerExchange(std::shared_ptr<ExchangeCore> core) : core_(std::move(core)) {}
  ~HandlerExchange() override { core_->drop(); }
  HandlerExchange(const HandlerExchange&) = delete;
  HandlerExchange& operator=(const HandlerExchange&) = delete;

  void respond(HttpResponse response) override { core_->respond(std::move(response)); }
  void start(HttpResponse head) override { core_->start(std::move(head)); }
  void write(std::string bytes) override { core_->write(std::move(bytes)); }
  std::size_t unsent() const override { return core_->unsent(); }
  void finish() override { core_->finish(); }
  void abort() override { core_->abort(); }
  void on_gone(std::function<void()> callback) override { core_->on_gone(std::move(callback)); }

 private:
  std::shared_ptr<ExchangeCore> core_;
};

}  // namespace

std::shared_ptr<Exchange> make_exchange(std::shared_ptr<ExchangeCore> core) {
  return std::make_shared<HandlerExchange>(std::move(core));
}

ExchangeCore::Outgoing ExchangeCore::take() {
  const std::scoped_lock lock(mutex_);
  wake_sent_ = false;
  return std::exchange(queued_, {});
}

void ExchangeCore::set_backlog(std::size_t bytes) {
  const std::scoped_lock lock(mutex_);
  backlog_ = bytes;
}

std::size_t ExchangeCore::unsent() const {
  const std::scoped_lock lock(mutex_);
  return queued_.bytes.size() + backlog_;
}

void ExchangeCore::detach() {
  Callbacks gone;
  {
    const std::scoped_lock lock(mutex_);
    wake_ = nullptr;
    queued_ = {};
    backlog_ = 0;
    if (stage_ == Stage::waiting || stage_ == Stage::streaming) {
      stage_ = Stage::gone;
      gone = std::exchange(on_gone_, {});
    }
  }
  for (const auto& callback : gone) callback();
}

void ExchangeCore::respond(HttpResponse response) {
  Callbacks unused;
  const std::scoped_lock lock(mutex_);
  if (stage_ != Stage::waiting) return;
  queued_.head = std::move(response);
  queued_.whole = true;
  unused = end(End::finished);
}

void ExchangeCore::start(HttpResponse head) {
  const std::scoped_lock lock(mutex_);
  if (stage_ != Stage::waiting) return;
  stage_ = Stage::streaming;
  queued_.head = std::move(head);
  notify();
}

void ExchangeCore::write(std::string bytes) {
  const std::scoped_lock lock(mutex_);
  if (stage_ != Stage::streaming || bytes.empty()) return;
  if (queued_.bytes.empty()) {
    queued_.bytes = std::move(bytes);
  } else {
    queued_.bytes += bytes;
  }
  notify();
}

void ExchangeCore::finish() {
  Callbacks unused;
  const std::scoped_lock lock(mutex_);
  if (stage_ == Stage::streaming) unused = end(End::finished);
}

void ExchangeCore::abort() {
  Callbacks unused;
  const std::scoped_lock lock(mutex_);
  if (stage_ == Stage::waiting || stage_ == Stage::streaming) unused = end(End::aborted);
}

void ExchangeCore::drop() {
  Callbacks unused;
  const std::scoped_lock lock(mutex_);
  if (stage_ == Stage::waiting) unused = end(End::unanswered);
  if (stage_ == Stage::streaming) unused = end(End::aborted);
}

void ExchangeCore::on_gone(std::function<void()> callback) {
  {
    const std::scoped_lock lock(mutex_);
    if (stage_ == Stage::ended) return;
    if (stage_ != Stage::gone) return on_gone_.push_back(std::move(callback));
  }
  callback();
}

void ExchangeCore::notify() {
  if (!wake_ || std::exchange(wake_sent_, true)) return;
  wake_();
}

ExchangeCore::Callbacks ExchangeCore::end(End how) {
  stage_ = Stage::ended;
  queued_.end = how;
  notify();
  return std::exchange(on_gone_, {});
}

}  // namespace confide::net
