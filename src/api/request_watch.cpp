#include "api/request_watch.h"

#include <algorithm>
#include <utility>

#include "seal/ohttp_keys.h"

namespace confide::api {
namespace {

SteadyTime steady_now() { return std::chrono::steady_clock::now(); }

class WatchedExchange final : public net::Exchange {
 public:
  WatchedExchange(std::shared_ptr<RequestWatch> watch, std::shared_ptr<net::Exchange> inner)
      : watch_(std::move(watch)), inner_(std::move(inner)) {}

  void respond(net::HttpResponse response) override {
    watch_->answered(response.status, response.headers, /*whole=*/true);
    watch_->over(/*complete=*/true);
    inner_->respond(std::move(response));
  }
  void start(net::HttpResponse head) override {
    watch_->answered(head.status, head.headers, /*whole=*/false);
    inner_->start(std::move(head));
  }
  void write(std::string bytes) override { inner_->write(std::move(bytes)); }
  std::size_t unsent() const override { return inner_->unsent(); }
  void finish() override {
    watch_->over(/*complete=*/true);
    inner_->finish();
  }
  void abort() override { inner_->abort(); }
  void on_gone(std::function<void()> callback) override { inner_->on_gone(std::move(callback)); }

 private:
  std::shared_ptr<RequestWatch> watch_;
  std::shared_ptr<net::Exchange> inner_;
};

class WatchedSink final : public engine::Sink {
 public:
  WatchedSink(std::shared_ptr<RequestWatch> watch, std::shared_ptr<engine::Sink> inner,
              bool first_of_prompt)
      : watch_(std::move(watch)), inner_(std::move(inner)), first_of_prompt_(first_of_prompt) {}

  void on_start() override {
    watch_->on_start();
    inner_->on_start();
  }
  void on_prompt(std::span<const engine::TokenReport> tokens) override {
    inner_->on_prompt(tokens);
  }
  void on_text(std::string_view text, std::span<const engine::TokenReport> tokens) override {
    watch_->on_text();
    inner_->on_text(text, tokens);
  }
  void on_done(engine::Finish finish, engine::Usage usage) override {
    watch_->on_done(finish, usage, first_of_prompt_);
    inner_->on_done(finish, usage);
  }

 private:
  std::shared_ptr<RequestWatch> watch_;
  std::shared_ptr<engine::Sink> inner_;
  bool first_of_prompt_;
};

}  // namespace

std::string_view to_string(engine::Finish finish) noexcept {
  switch (finish) {
    case engine::Finish::stop:
      return "stop";
    case engine::Finish::length:
      return "length";
    case engine::Finish::cancelled:
      return "cancelled";
    case engine::Finish::expired:
      return "expired";
    case engine::Finish::error:
      return "error";
  }
  return "error";
}

RequestWatch::RequestWatch(RequestFacts facts, Report report)
    : facts_(std::move(facts)), report_(std::move(report)) {
  facts_.received = steady_now();
}

RequestWatch::~RequestWatch() { over(/*complete=*/false); }

void RequestWatch::set_route(std::string_view route, Dialect dialect) {
  const std::lock_guard lock(mutex_);
  facts_.route = route;
  dialect_ = dialect;
}

void RequestWatch::set_sealed(const std::optional<TraceParent>& parent) {
  const std::lock_guard lock(mutex_);
  facts_.sealed = true;
  // A relay's trace is none of the caller's business, and the other way round.
  facts_.parent = parent;
}

void RequestWatch::set_grant(std::shared_ptr<Grant> grant) {
  const std::lock_guard lock(mutex_);
  facts_.key = grant->key_name();
  grant_ = std::move(grant);
}

std::shared_ptr<Grant> RequestWatch::grant() const {
  const std::lock_guard lock(mutex_);
  return grant_;
}

void RequestWatch::set_submitted(std::string model, ops::Histogram gaps) {
  const std::lock_guard lock(mutex_);
  facts_.model = std::move(model);
  facts_.submitted = steady_now();
  gaps_ = gaps;
}

void RequestWatch::use(int tokens) {
  const auto grant = this->grant();
  if (grant) grant->use(static_cast<std::size_t>(std::max(0, tokens)), steady_now());
}

void RequestWatch::answered(int status, net::Headers& headers, bool whole) {
  const std::lock_guard lock(mutex_);
  if (facts_.status != 0) return;
  facts_.status = status;
  if (facts_.route == seal::kOhttpPath) return;
  headers.set("X-Request-Id", facts_.id);
  if (dialect_ == Dialect::anthropic) headers.set("Request-Id", facts_.id);
  // Before it is said how much is left.
  if (grant_ && whole) grant_->give_back();
  // Whoever is refused for a limit has them already, as of that moment.
  if (grant_ && status != 429) grant_->add_headers(headers, steady_now());
}

void RequestWatch::over(bool complete) {
  RequestFacts facts;
  std::shared_ptr<Grant> grant;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(reported_, true)) return;
    facts_.complete = complete;
    facts_.over = steady_now();
    facts = facts_;
    grant = grant_;
  }
  if (grant) grant->end();
  if (report_) report_(facts);
}

void RequestWatch::on_start() {
  const std::lock_guard lock(mutex_);
  if (!facts_.started) facts_.started = steady_now();
}

void RequestWatch::on_text() {
  const auto now = steady_now();
  const std::lock_guard lock(mutex_);
  if (!facts_.first_text) {
    facts_.first_text = now;
  } else if (gaps_) {
    gaps_->observe(std::chrono::duration<double>(now - *facts_.last_text).count());
  }
  facts_.last_text = now;
}

void RequestWatch::on_done(engine::Finish finish, const engine::Usage& usage,
                           bool first_of_prompt) {
  use((first_of_prompt ? usage.prompt_tokens : 0) + usage.completion_tokens);
  const std::lock_guard lock(mutex_);
  facts_.finish = finish;
  if (first_of_prompt) {
    facts_.usage.prompt_tokens += usage.prompt_tokens;
    facts_.usage.cached_tokens += usage.cached_tokens;
  }
  facts_.usage.completion_tokens += usage.completion_tokens;
}

std::shared_ptr<net::Exchange> watched(std::shared_ptr<RequestWatch> watch,
                                       std::shared_ptr<net::Exchange> exchange) {
  return std::make_shared<WatchedExchange>(std::move(watch), std::move(exchange));
}

std::shared_ptr<engine::Sink> watched(std::shared_ptr<RequestWatch> watch,
                                      std::shared_ptr<engine::Sink> sink, bool first_of_prompt) {
  return std::make_shared<WatchedSink>(std::move(watch), std::move(sink), first_of_prompt);
}

}  // namespace confide::api
