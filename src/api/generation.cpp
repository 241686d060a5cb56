#include "api/generation.h"

#include "net/sse.h"

namespace confide::api {
namespace {

constexpr std::string_view kDone = "[DONE]";

}  // namespace

Generation::Generation(GenerationPlan plan, std::shared_ptr<net::Exchange> exchange,
                       ops::WorkerPool& pool, ops::Metrics& metrics, ReceiptFiler file_receipt)
    : plan_(std::move(plan)),
      exchange_(std::move(exchange)),
      pool_(pool),
      metrics_(metrics),
      file_receipt_(std::move(file_receipt)) {}

void Generation::begin(std::unique_ptr<engine::Ticket> ticket) {
  if (plan_.stream) {
    net::HttpResponse head;
    head.headers = plan_.headers;
    head.headers.set("Content-Type", "text/event-stream");
    head.headers.set("Cache-Control", "no-cache");
    head.headers.set("X-Accel-Buffering", "no");
    head.headers.set("X-Receipt-Id", plan_.receipt.receipt_id);
    exchange_->start(std::move(head));
  }
  {
    const std::lock_guard lock(mutex_);
    ticket_ = std::move(ticket);
    // The engine may have run ahead of us; its text waited until the response was open.
    scheduled_ = true;
  }
  pool_.post([self = shared_from_this()] {
    if (self->plan_.stream) {
      std::string first;
      if (self->add_chunk(first, first_chunk(self->plan_.head))) self->send(std::move(first));
    }
    self->step();
  });
  exchange_->on_gone([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    const std::lock_guard lock(self->mutex_);
    self->gone_ = true;
    if (self->ticket_) self->ticket_->cancel();
  });
}

void Generation::on_text(std::string_view text, std::span<const engine::TokenReport> /*tokens*/) {
  const std::lock_guard lock(mutex_);
  pending_ += text;
  schedule();
}

void Generation::on_done(engine::Finish finish, engine::Usage usage) {
  const std::lock_guard lock(mutex_);
  end_ = End{.finish = finish, .usage = usage};
  schedule();
}

// Before begin() there is nobody to send to; begin() runs the first step itself.
void Generation::schedule() {
  if (scheduled_ || !ticket_) return;
  scheduled_ = true;
  pool_.post([self = shared_from_this()] { self->step(); });
}

// Takes all that has gathered since the last step, so that a busy moment makes fewer, larger
// chunks.
void Generation::step() {
  std::string text;
  std::optional<End> end;
  {
    const std::lock_guard lock(mutex_);
    text.swap(pending_);
    end = end_;
    if (over_) return;
    over_ = end.has_value();
  }
  if (plan_.stream) {
    if (!text.empty() && !stream_text(std::move(text))) {
      fail_stream();
    } else if (end) {
      end_stream(*end);
    }
  } else {
    answer_ += text;
    if (end) end_buffered(*end);
  }
  const std::lock_guard lock(mutex_);
  scheduled_ = false;
  if (over_) {
    ticket_.reset();
  } else if (!pending_.empty() || end_) {
    schedule();
  }
}

bool Generation::add_chunk(std::string& out, Json chunk) const {
  if (plan_.sealer && !plan_.sealer->seal_chunk(chunk)) return false;
  out += net::sse_event(json::compact(chunk));
  return true;
}

void Generation::send(std::string bytes) {
  hash_.update(as_bytes(bytes));
  exchange_->write(std::move(bytes));
}

bool Generation::stream_text(std::string text) {
  std::string bytes;
  if (!add_chunk(bytes, text_chunk(plan_.head, std::move(text)))) return false;
  send(std::move(bytes));
  return true;
}

// Sealing failed half-way: the client must not take what it has for the whole.
void Generation::fail_stream() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
    if (ticket_) ticket_->cancel();
  }
  file({.finish = engine::Finish::error, .usage = {}});
  exchange_->abort();
}

void Generation::end_stream(const End& end) {
  bool gone = false;
  {
    const std::lock_guard lock(mutex_);
    gone = gone_;
  }
  if (gone || end.finish == engine::Finish::cancelled) {
    file(end);
    exchange_->abort();
    return;
  }
  std::string bytes;
  bool sealed = true;
  if (end.finish == engine::Finish::error) {
    bytes = net::sse_event(error_body(internal_error()));
  } else {
    sealed = add_chunk(bytes, last_chunk(plan_.head, end.finish));
    if (sealed && plan_.head.include_usage) {
      sealed = add_chunk(bytes, usage_chunk(plan_.head, end.usage));
    }
  }
  if (!sealed) {
    fail_stream();
    return;
  }
  bytes += net::sse_event(kDone);
  hash_.update(as_bytes(bytes));
  // The receipt is stored before the last bytes leave: whoever has seen the end can fetch it.
  if (!file(end)) {
    exchange_->abort();
    return;
  }
  exchange_->write(std::move(bytes));
  exchange_->finish();
}

void Generation::end_buffered(const End& end) {
  if (end.finish == engine::Finish::cancelled || end.finish == engine::Finish::error) {
    fail_buffered(end);
    return;
  }
  Json body = full_answer(plan_.head, std::move(answer_), end.finish, end.usage);
  if (plan_.sealer && !plan_.sealer->seal_body(body)) {
    fail_buffered(end);
    return;
  }
  net::HttpResponse response;
  response.headers.set("Content-Type", "application/json");
  response.body = json::compact(body);
  respond(std::move(response), end);
}

// Accepted, then failed: the receipt covers the error body the client gets.
void Generation::fail_buffered(const End& end) {
  respond(error_response(internal_error()), {.finish = engine::Finish::error, .usage = end.usage});
}

// An answer without a receipt is worth nothing: an error goes in its place.
void Generation::respond(net::HttpResponse response, const End& end) {
  hash_.update(as_bytes(response.body));
  const bool filed = file(end);
  if (!filed) response = error_response(internal_error());
  for (const auto& [name, value] : plan_.headers.all()) response.headers.set(name, value);
  if (filed) response.headers.set("X-Receipt-Id", plan_.receipt.receipt_id);
  exchange_->respond(std::move(response));
}

bool Generation::file(const End& end) {
  aci::ReceiptFields fields = plan_.receipt;
  fields.response_hash = crypto::sha256_tag(hash_.finish());
  if (fields.execution) {
    fields.execution->finish_reason = std::string(to_string(end.finish));
    fields.execution->prompt_tokens = end.usage.prompt_tokens;
    fields.execution->completion_tokens = end.usage.completion_tokens;
  }
  metrics_.count("confide_answers_total", "Answers ended, by reason.",
                 {{"finish", std::string(to_string(end.finish))}});
  return file_receipt_(fields);
}

}  // namespace confide::api
