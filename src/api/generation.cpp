#include "api/generation.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "api/proof.h"
#include "api/request_watch.h"
#include "crypto/random.h"
#include "net/sse.h"

namespace confide::api {
namespace {

bool is_whole(engine::Finish finish) {
  return finish == engine::Finish::stop || finish == engine::Finish::length;
}

bool is_empty(const engine::AnswerDelta& delta) {
  return delta.content.empty() && delta.reasoning.empty() && delta.tool_calls.empty();
}

void append(engine::AnswerDelta& to, engine::AnswerDelta more) {
  to.content += more.content;
  to.reasoning += more.reasoning;
  std::ranges::move(more.tool_calls, std::back_inserter(to.tool_calls));
}

}  // namespace

Generation::Generation(GenerationPlan plan, std::shared_ptr<net::Exchange> exchange,
                       ops::WorkerPool& pool, ops::Metrics& metrics, ReceiptFiler file_receipt)
    : plan_(std::move(plan)),
      exchange_(std::move(exchange)),
      pool_(pool),
      metrics_(metrics),
      file_receipt_(std::move(file_receipt)) {
  for (ChoicePlan& planned : plan_.choices) {
    auto choice = std::make_unique<Choice>(*this);
    if (planned.format) choice->reader = planned.format->reader();
    choice->answer.content = planned.lead;
    choices_.push_back(std::move(choice));
  }
}

std::shared_ptr<engine::Sink> Generation::sink(std::size_t choice) {
  return {shared_from_this(), choices_[choice].get()};
}

void Generation::begin(std::vector<std::unique_ptr<engine::Ticket>> tickets) {
  {
    const std::lock_guard lock(mutex_);
    tickets_ = std::move(tickets);
    begun_ = true;
    // The engine may have run ahead of us.
    if (news_) schedule();
  }
  exchange_->on_gone([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    const std::lock_guard lock(self->mutex_);
    self->gone_ = true;
    self->cancel_tickets();
  });
}

void Generation::Choice::on_start() {
  const std::lock_guard lock(owner_.mutex_);
  owner_.started_ = true;
  if (owner_.plan_.stream) owner_.schedule();  // otherwise nobody waits for less than all
}

void Generation::Choice::on_prompt(std::span<const engine::TokenReport> tokens) {
  const std::lock_guard lock(owner_.mutex_);
  news.tokens.insert(news.tokens.end(), tokens.begin(), tokens.end());
  if (owner_.plan_.stream) owner_.schedule();
}

void Generation::Choice::on_text(std::string_view text,
                                 std::span<const engine::TokenReport> tokens) {
  const std::lock_guard lock(owner_.mutex_);
  news.text += text;
  news.tokens.insert(news.tokens.end(), tokens.begin(), tokens.end());
  if (owner_.plan_.stream) owner_.schedule();
}

void Generation::Choice::on_done(engine::Finish finish, engine::Usage usage) {
  const std::lock_guard lock(owner_.mutex_);
  news.end = End{.finish = finish, .usage = usage};
  owner_.schedule();
}

// Before begin() there is nobody to send to; begin() looks for itself.
void Generation::schedule() {
  news_ = true;
  if (scheduled_ || !begun_) return;
  scheduled_ = true;
  pool_.post([self = shared_from_this()] {
    try {
      self->step();
    } catch (const std::exception&) {
      self->give_up();
    }
  });
}

// No memory, or our own mistake: nobody must wait for what does not come.
void Generation::give_up() {
  {
    const std::lock_guard lock(mutex_);
    cancel_tickets();
  }
  exchange_->abort();
}

void Generation::cancel_tickets() {
  for (const auto& ticket : tickets_) ticket->cancel();
}

// Takes all that has gathered since the last step, so that a busy moment makes fewer, larger
// chunks.
void Generation::step() {
  std::vector<News> news(choices_.size());
  if (take_news(news) && plan_.stream && !open_) open_stream();
  for (std::size_t i = 0; i < news.size(); ++i) advance(i, std::move(news[i]));
  if (std::ranges::all_of(choices_, [](const auto& choice) { return choice->end.has_value(); })) {
    end();
    const std::lock_guard lock(mutex_);
    tickets_.clear();  // the engine says no more, so there is no further step
    return;
  }
  flush();
  const std::lock_guard lock(mutex_);
  scheduled_ = false;
  if (news_) schedule();
}

// Whether any choice has started by now.
bool Generation::take_news(std::vector<News>& news) {
  const std::lock_guard lock(mutex_);
  news_ = false;
  for (std::size_t i = 0; i < news.size(); ++i) news[i] = std::exchange(choices_[i]->news, {});
  return started_;
}

void Generation::open_stream() {
  open_ = true;
  net::HttpResponse head;
  head.headers = plan_.headers;
  head.headers.set("Content-Type", "text/event-stream");
  head.headers.set("Cache-Control", "no-cache");
  head.headers.set("X-Accel-Buffering", "no");
  head.headers.set("X-Receipt-Id", plan_.receipt.receipt_id);
  exchange_->start(std::move(head));
  queue(plan_.shape->begin(choices_.size()));
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    if (plan_.choices[i].lead.empty()) continue;
    queue(plan_.shape->add(
        i,
        {.answer = {.content = std::move(plan_.choices[i].lead), .reasoning = "", .tool_calls = {}},
         .tokens = {}}));
  }
}

void Generation::advance(std::size_t index, News news) {
  Choice& choice = *choices_[index];
  const bool ended = news.end.has_value();
  if (ended) choice.end = news.end;
  if (ended && !is_whole(news.end->finish)) fail(news.end->finish);
  if (failure_) return;
  std::vector<engine::TokenReport>& tokens = choice.answer.tokens;
  std::ranges::move(news.tokens, std::back_inserter(tokens));
  std::vector<std::string> texts = pieces(choice, std::move(news.text), ended);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    engine::AnswerDelta delta = read(choice, std::move(texts[i]), ended && i + 1 == texts.size());
    give_ids(choice, delta);
    if (!plan_.stream) {
      collect(choice.answer, std::move(delta));
      if (ended) choice.answer.finish = news.end->finish;
    } else if (!is_empty(delta) || !tokens.empty()) {
      queue(plan_.shape->add(index,
                             {.answer = std::move(delta), .tokens = std::exchange(tokens, {})}));
    }
  }
  if (ended && plan_.stream) queue(plan_.shape->end_choice(index, news.end->finish));
}

// One at least, if it is the last.
std::vector<std::string> Generation::pieces(Choice& choice, std::string text, bool last) const {
  if (!plan_.even || !plan_.stream) return {std::move(text)};
  std::vector<std::string> out = choice.even.push(text, last);
  if (out.empty() && last) out.emplace_back();
  return out;
}

engine::AnswerDelta Generation::read(Choice& choice, std::string text, bool last) {
  if (!choice.reader) return {.content = std::move(text), .reasoning = "", .tool_calls = {}};
  engine::AnswerDelta out;
  if (!text.empty()) out = choice.reader->push(text);
  if (last) append(out, choice.reader->finish());
  return out;
}

// Many models give their calls no id, and clients cannot answer to a call without one.
void Generation::give_ids(Choice& choice, engine::AnswerDelta& delta) const {
  for (engine::ToolCallDelta& call : delta.tool_calls) {
    if (call.index >= choice.named_calls.size()) choice.named_calls.resize(call.index + 1);
    if (choice.named_calls[call.index]) continue;
    choice.named_calls[call.index] = true;
    if (!call.id.empty()) continue;
    call.id =
        fmt::format("{}{}", plan_.api->traits().tool_call_prefix, to_hex(crypto::random_bytes(12)));
  }
}

void Generation::collect(ChoiceAnswer& answer, engine::AnswerDelta delta) {
  answer.content += delta.content;
  answer.reasoning += delta.reasoning;
  for (engine::ToolCallDelta& piece : delta.tool_calls) {
    if (piece.index >= answer.tool_calls.size()) answer.tool_calls.resize(piece.index + 1);
    engine::ToolCall& call = answer.tool_calls[piece.index];
    call.id += piece.id;
    call.name += piece.name;
    call.arguments += piece.arguments;
  }
}

void Generation::queue(StreamEvents events) {
  for (StreamEvent& event : events) {
    if (unsealable_) return;
    if (plan_.sealer && !plan_.sealer->seal_chunk(event.data)) {
      unsealable_ = true;
      return fail(engine::Finish::error);
    }
    if (plan_.even) pad_event(event.data);
    unsent_ += net::sse_event(json::compact(event.data), event.name);
  }
}

void Generation::flush() {
  if (unsent_.empty()) return;
  hash_.update(as_bytes(unsent_));
  exchange_->write(std::exchange(unsent_, {}));
}

// The others are of no use without it; their ends are waited for, since they say what was used.
void Generation::fail(engine::Finish how) {
  if (failure_) return;
  failure_ = how;
  const std::lock_guard lock(mutex_);
  cancel_tickets();
}

void Generation::end() {
  if (open_) {
    end_stream();
  } else if (failure_) {
    refuse();
  } else {
    end_buffered();
  }
}

void Generation::end_stream() {
  bool gone = failure_ == engine::Finish::cancelled;
  {
    const std::lock_guard lock(mutex_);
    gone = gone || gone_;
  }
  if (!gone) queue(failure_ ? plan_.shape->fail(error_of(*failure_)) : plan_.shape->end(usage()));
  // Not sealed to the end, or not for anybody: the client must not take what it has for the whole.
  if (gone || unsealable_) {
    unsent_.clear();
    file();
    exchange_->abort();
    return;
  }
  if (const auto last = plan_.shape->terminator(); !last.empty()) unsent_ += net::sse_event(last);
  hash_.update(as_bytes(unsent_));
  // The receipt is stored before the last bytes leave: whoever has seen the end can fetch it.
  if (!file()) {
    exchange_->abort();
    return;
  }
  exchange_->write(std::exchange(unsent_, {}));
  exchange_->finish();
}

void Generation::end_buffered() {
  std::vector<ChoiceAnswer> answers;
  for (const auto& choice : choices_) answers.push_back(std::move(choice->answer));
  Json body = plan_.shape->whole(std::move(answers), usage());
  if (plan_.sealer && !plan_.sealer->seal_body(body)) {
    failure_ = engine::Finish::error;
    return refuse();
  }
  net::HttpResponse response;
  response.headers.set("Content-Type", "application/json");
  response.body = json::compact(body);
  respond(std::move(response));
}

// What was begun has a receipt, which covers the error body; what never started is as if it had
// found the queue full, and has none.
void Generation::refuse() {
  net::HttpResponse response = error_response(error_of(*failure_), plan_.errors);
  bool started = false;
  {
    const std::lock_guard lock(mutex_);
    started = started_;
  }
  if (failure_ != engine::Finish::expired || started) return respond(std::move(response));
  for (const auto& [name, value] : plan_.headers.all()) response.headers.set(name, value);
  count_answer(metrics_, *failure_);
  exchange_->respond(std::move(response));
}

void Generation::respond(net::HttpResponse response) {
  hash_.update(as_bytes(response.body));
  const bool filed = file();
  exchange_->respond(with_receipt(std::move(response), filed ? plan_.receipt.receipt_id : "",
                                  plan_.headers, plan_.errors));
}

// A prompt is read once, however many choices answer it. The stop string is the first choice's.
engine::Usage Generation::usage() const {
  engine::Usage out{.stopped_by = choices_.front()->end->usage.stopped_by};
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    const engine::Usage& one = choices_[i]->end->usage;
    out.completion_tokens += one.completion_tokens;
    out.reasoning_tokens += one.reasoning_tokens;
    if (i > 0 && plan_.choices[i].prompt == plan_.choices[i - 1].prompt) continue;
    out.prompt_tokens += one.prompt_tokens;
    out.cached_tokens += one.cached_tokens;
  }
  return out;
}

engine::Finish Generation::finish() const {
  return failure_.value_or(choices_.front()->end->finish);
}

bool Generation::file() {
  aci::ReceiptFields fields = plan_.receipt;
  fields.response_hash = crypto::sha256_tag(hash_.finish());
  if (fields.execution) {
    const engine::Usage used = usage();
    fields.execution->finish_reason = std::string(to_string(finish()));
    fields.execution->prompt_tokens = used.prompt_tokens;
    fields.execution->completion_tokens = used.completion_tokens;
  }
  count_answer(metrics_, finish());
  return file_receipt_(fields);
}

}  // namespace confide::api
