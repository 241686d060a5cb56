#include "api/sealed_exchange.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "api/errors.h"

namespace confide::api {
namespace {

// Without what tells a browser who may look: none looks inside.
seal::InnerResponse inner_response(net::HttpResponse response) {
  seal::InnerResponse out;
  out.status = response.status;
  for (const auto& [name, value] : response.headers.all()) {
    if (!name.starts_with("Access-Control-")) out.fields.push_back({name, value});
  }
  out.content = std::move(response.body);
  return out;
}

// Shared by the handler's end and, under the constant profile, the pacer.
class SealedAnswer final : public Paced, public std::enable_shared_from_this<SealedAnswer> {
 public:
  SealedAnswer(SealedRoute route, std::shared_ptr<net::Exchange> outer, Pacer& pacer)
      : writer_(std::move(route.writer)),
        head_only_(route.head_only),
        headers_(std::move(route.headers)),
        outer_(std::move(outer)),
        pacer_(pacer) {
    add_sealed_headers(headers_, writer_.form());
  }

  void respond(net::HttpResponse response) {
    const std::lock_guard lock(mutex_);
    if (stage_ == Stage::waiting) respond_now(std::move(response));
  }

  void start(net::HttpResponse head) {
    {
      const std::lock_guard lock(mutex_);
      if (stage_ != Stage::waiting) return;
      stage_ = Stage::streaming;
      head.body.clear();
      if (!chunked()) {
        whole_ = std::move(head);
        return;
      }
      open_stream();
      send(writer_.start(inner_response(std::move(head))));
    }
    if (constant()) begin_pace();
  }

  void write(std::string bytes) {
    const std::lock_guard lock(mutex_);
    if (stage_ != Stage::streaming || head_only_) return;
    if (constant()) {
      pending_ += bytes;
    } else if (chunked()) {
      send(writer_.write(as_bytes(bytes)));
    } else if (whole_.body.size() + bytes.size() <= kMaxWholeAnswer) {
      whole_.body += bytes;
    } else {
      cut();
    }
  }

  void finish() {
    const std::lock_guard lock(mutex_);
    if (stage_ != Stage::streaming) return;
    if (constant()) {
      stage_ = Stage::draining;
    } else if (chunked()) {
      close_stream();
    } else {
      respond_now(std::move(whole_));
    }
  }

  void abort() {
    const std::lock_guard lock(mutex_);
    if (stage_ == Stage::waiting || stage_ == Stage::streaming) cut();
  }

  void drop() {
    const std::lock_guard lock(mutex_);
    if (stage_ == Stage::waiting) respond_now(error_response(internal_error()));
    if (stage_ == Stage::streaming) cut();
  }

  // The client is gone; what waits for its tick is for nobody.
  void give_up() {
    const std::lock_guard lock(mutex_);
    if (stage_ != Stage::ended) cut();
  }

  bool tick() override {
    const std::lock_guard lock(mutex_);
    if (stage_ == Stage::ended) return false;
    // Padding has no end, and a client that hardly reads is not worth keeping it for.
    if (outer_->unsent() > kMaxUnsent) return true;
    if (!pending_.empty()) {
      const ByteView data = as_bytes(pending_).subspan(pending_sent_);
      const auto n = std::min(data.size(), seal::kConstantData);
      const auto sealed = writer_.write(data.first(n));
      pending_sent_ += n;
      if (pending_sent_ == pending_.size()) forget_pending();
      send(sealed);
    } else if (stage_ == Stage::draining) {
      close_stream();
    } else {
      send(writer_.idle());
    }
    return stage_ != Stage::ended;
  }

  std::size_t unsent() const {
    const std::lock_guard lock(mutex_);
    return outer_->unsent() + pending_.size() - pending_sent_;
  }
  net::Exchange& outer() noexcept { return *outer_; }

 private:
  enum class Stage { waiting, streaming, draining, ended };

  bool chunked() const { return writer_.form() == seal::OhttpForm::chunked; }
  bool constant() const { return chunked() && writer_.padding() == seal::Padding::constant; }

  // The rest with the lock held.
  void respond_now(net::HttpResponse response) {
    stage_ = Stage::ended;
    if (head_only_) response.body.clear();
    auto sealed = writer_.respond(inner_response(std::move(response)));
    if (!sealed) {
      outer_->respond(error_response(internal_error()));
      return;
    }
    net::HttpResponse out;
    out.headers = headers_;
    out.body = as_text(*sealed);
    outer_->respond(std::move(out));
  }

  void open_stream() {
    net::HttpResponse out;
    out.headers = headers_;
    out.headers.set("X-Accel-Buffering", "no");  // nginx's name for the same
    outer_->start(std::move(out));
  }

  void close_stream() {
    send(writer_.finish());
    if (stage_ == Stage::ended) return;
    stage_ = Stage::ended;
    outer_->finish();
  }

  void send(const Result<Bytes>& sealed) {
    if (!sealed) {
      cut();
    } else {
      outer_->write(std::string(as_text(*sealed)));
    }
  }

  void forget_pending() {
    pending_.clear();
    pending_sent_ = 0;
  }

  // Without the final chunk.
  void cut() {
    stage_ = Stage::ended;
    forget_pending();
    outer_->abort();
  }

  void begin_pace() {
    // Not under the lock: it runs at once if the client is gone already.
    outer_->on_gone([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->give_up();
    });
    pacer_.add(shared_from_this());
  }

  seal::AnswerWriter writer_;
  const bool head_only_;
  net::Headers headers_;
  const std::shared_ptr<net::Exchange> outer_;
  Pacer& pacer_;

  mutable std::mutex mutex_;  // held while sealing and sending: chunks leave in their order
  Stage stage_ = Stage::waiting;
  std::string pending_;  // constant profile: waits for its ticks
  std::size_t pending_sent_ = 0;
  net::HttpResponse whole_;  // whole form: waits for its end
};

class SealedExchange final : public net::Exchange {
 public:
  explicit SealedExchange(std::shared_ptr<SealedAnswer> answer) : answer_(std::move(answer)) {}
  ~SealedExchange() override { answer_->drop(); }
  SealedExchange(const SealedExchange&) = delete;
  SealedExchange& operator=(const SealedExchange&) = delete;

  void respond(net::HttpResponse response) override { answer_->respond(std::move(response)); }
  void start(net::HttpResponse head) override { answer_->start(std::move(head)); }
  void write(std::string bytes) override { answer_->write(std::move(bytes)); }
  std::size_t unsent() const override { return answer_->unsent(); }
  void finish() override { answer_->finish(); }
  void abort() override { answer_->abort(); }
  void on_gone(std::function<void()> callback) override {
    answer_->outer().on_gone(std::move(callback));
  }

 private:
  std::shared_ptr<SealedAnswer> answer_;
};

}  // namespace

void add_sealed_headers(net::Headers& headers, seal::OhttpForm form) {
  headers.set("Cache-Control", "no-store");
  headers.set("Content-Type", std::string(seal::response_type(form)));
  // For what stands between: pass chunks on as they come.
  if (form == seal::OhttpForm::chunked) headers.set("Incremental", "?1");
}

std::shared_ptr<net::Exchange> make_sealed_exchange(SealedRoute route,
                                                    std::shared_ptr<net::Exchange> outer,
                                                    Pacer& pacer) {
  return std::make_shared<SealedExchange>(
      std::make_shared<SealedAnswer>(std::move(route), std::move(outer), pacer));
}

}  // namespace confide::api
