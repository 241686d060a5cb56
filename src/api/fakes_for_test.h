// Stand-ins for the engine, the TEE and the network, for tests of the API surface.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attest/tee.h"
#include "engine/engine.h"
#include "net/http.h"
#include "store/receipts.h"

namespace confide::api {

// Collects what would go to the client; wait() blocks until the answer has ended.
class FakeExchange final : public net::Exchange {
 public:
  std::atomic<std::size_t> behind = 0;  // bytes that the client has not read

  void respond(net::HttpResponse response) override {
    const std::lock_guard lock(mutex_);
    body_ = response.body;
    head_ = std::move(response);
    end();
  }
  void start(net::HttpResponse head) override {
    const std::lock_guard lock(mutex_);
    head_ = std::move(head);
    streamed_ = true;
  }
  void write(std::string bytes) override {
    const std::lock_guard lock(mutex_);
    body_ += bytes;
  }
  std::size_t unsent() const override { return behind; }
  void finish() override {
    const std::lock_guard lock(mutex_);
    end();
  }
  void abort() override {
    const std::lock_guard lock(mutex_);
    aborted_ = true;
    end();
  }
  void on_gone(std::function<void()> callback) override {
    const std::lock_guard lock(mutex_);
    gone_.push_back(std::move(callback));
  }

  void client_goes_away() {
    std::vector<std::function<void()>> callbacks;
    {
      const std::lock_guard lock(mutex_);
      callbacks = gone_;
    }
    for (const auto& callback : callbacks) callback();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    ended_signal_.wait(lock, [this] { return ended_; });
  }

  int status() const { return head_.status; }
  net::Headers headers() const {
    const std::lock_guard lock(mutex_);
    return head_.headers;
  }
  std::string body() const {
    const std::lock_guard lock(mutex_);
    return body_;
  }
  bool streamed() const {
    const std::lock_guard lock(mutex_);
    return streamed_;
  }
  bool aborted() const {
    const std::lock_guard lock(mutex_);
    return aborted_;
  }
  bool ended() const {
    const std::lock_guard lock(mutex_);
    return ended_;
  }

 private:
  void end() {
    ended_ = true;
    ended_signal_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable ended_signal_;
  net::HttpResponse head_;
  std::string body_;
  bool streamed_ = false, aborted_ = false, ended_ = false;
  std::vector<std::function<void()>> gone_;
};

// What a FakeEngine's sink gets in one on_text().
struct FakePiece {
  std::string text;
  std::vector<engine::TokenReport> tokens = {};
};

// Reads what a test wrote: a line "think: x\n" is reasoning, "call: name {...}\n" a call of a tool,
// and any other text content.
class FakeReader final : public engine::AnswerReader {
 public:
  engine::AnswerDelta push(std::string_view text) override {
    held_ += text;
    engine::AnswerDelta out;
    while (!held_.empty()) {
      const std::size_t end = held_.find('\n');
      const bool whole = end != std::string::npos;
      const std::string line = held_.substr(0, whole ? end + 1 : end);
      const bool marked = line.starts_with("think: ") || line.starts_with("call: ");
      if (marked && !whole) break;
      if (marked) add_line(std::string_view(line).substr(0, end), out);
      if (!marked) out.content += line;
      held_.erase(0, line.size());
    }
    return out;
  }
  engine::AnswerDelta finish() override { return {}; }

 private:
  void add_line(std::string_view line, engine::AnswerDelta& out) {
    const std::string_view rest = line.substr(line.find(' ') + 1);
    if (line.starts_with("think")) {
      out.reasoning += rest;
      return;
    }
    const std::size_t space = rest.find(' ');
    const std::size_t index = calls_++;
    out.tool_calls.push_back(
        {.index = index, .id = "", .name = std::string(rest.substr(0, space)), .arguments = ""});
    out.tool_calls.push_back(
        {.index = index, .id = "", .name = "", .arguments = std::string(rest.substr(space + 1))});
  }

  std::string held_;
  std::size_t calls_ = 0;
};

class FakeFormat final : public engine::AnswerFormat {
 public:
  std::unique_ptr<engine::AnswerReader> reader() const override {
    return std::make_unique<FakeReader>();
  }
};

// Answers every job with `pieces`, on the caller's thread or, if `hold` is set, when release()
// runs.
class FakeEngine final : public engine::Engine {
 public:
  struct Held {
    std::vector<std::shared_ptr<engine::Sink>> sinks;
    engine::Job job;
    std::atomic<bool> cancelled = false;
  };

  std::vector<FakePiece> pieces = {{"Par"}, {"is"}, {"."}};
  // For the second choice and those that follow; else all have the same.
  std::vector<std::vector<FakePiece>> more_pieces;
  engine::Finish finish = engine::Finish::stop;
  std::optional<engine::Finish> last_finish;  // of the last choice alone
  int cached_tokens = 0;
  std::optional<std::size_t> stopped_by;
  bool starts = true;  // false: the answer ends before it had a slot
  bool hold = false;
  std::optional<Errc> refuse;
  std::size_t accepts = 1000;  // jobs, before it refuses for its queue
  engine::Load load;
  std::optional<Errc> unreadable;  // what tokenizing fails with
  bool follows_schemas = true;
  bool takes_tools = true;
  bool fills_in = true;
  int reasoning_tokens = 0;
  std::vector<engine::TokenReport> prompt_reports;  // if a job asks for them
  std::vector<engine::Job> jobs;
  engine::ModelInfo model{.description = "fake", .context_length = 200, .parameters = 1};
  mutable std::vector<engine::Conversation> conversations;
  std::shared_ptr<Held> held;
  std::atomic<int> submitted = 0;

  const engine::ModelInfo& info() const noexcept override { return model; }
  const std::string& build() const noexcept override { return build_; }
  int vocabulary_size() const noexcept override { return 1000; }
  engine::Load load_now() const override { return load; }
  void stop() override {}

  // One token a byte.
  Result<std::vector<engine::Token>> tokenize(std::string_view text, bool) const override {
    if (unreadable) return fail(*unreadable, "unreadable");
    return std::vector<engine::Token>(text.size(), 1);
  }
  Result<std::vector<engine::Token>> prepare_infill(std::string_view prefix,
                                                    std::string_view suffix) const override {
    if (!fills_in) return fail(Errc::unsupported, "no tokens for it");
    return std::vector<engine::Token>(prefix.size() + suffix.size() + 3, 1);
  }
  Result<std::string> detokenize(std::span<const engine::Token> tokens) const override {
    return std::string(tokens.size(), 'a');
  }
  Result<engine::ChatPrompt> prepare(const engine::Conversation& conversation) const override {
    if (unreadable) return fail(*unreadable, "unreadable");
    const bool schema = !conversation.answer_schema.empty();
    if ((schema && !follows_schemas) || (!conversation.tools.empty() && !takes_tools)) {
      return fail(Errc::malformed, "cannot be followed");
    }
    conversations.push_back(conversation);
    engine::ChatPrompt out{.tokens = {}, .format = std::make_shared<FakeFormat>()};
    for (const auto& message : conversation.messages) {
      out.tokens.resize(out.tokens.size() + message.content.size() + 1, 1);
    }
    return out;
  }
  Result<std::unique_ptr<engine::Ticket>> submit(
      engine::Job job, std::vector<std::shared_ptr<engine::Sink>> sinks) override {
    if (refuse) return fail(*refuse, "refused");
    if (jobs.size() >= accepts) return fail(Errc::limit, "the queue is full");
    jobs.push_back(job);
    held = std::make_shared<Held>();
    held->sinks = std::move(sinks);
    held->job = std::move(job);
    if (starts) {
      for (const auto& sink : held->sinks) sink->on_start();
    }
    ++submitted;
    if (!hold) release();
    return std::make_unique<FakeTicket>(held);
  }

  // Runs the held job to its end, its choices by turns; cancelled if its ticket was.
  void release() {
    const auto running = held;
    const std::size_t count = running->sinks.size();
    const bool speaks = starts && !running->cancelled;
    for (std::size_t i = 0; speaks && running->job.prompt_reports && i < count; ++i) {
      running->sinks[i]->on_prompt(prompt_reports);
    }
    for (std::size_t round = 0; speaks && round < longest(); ++round) {
      for (std::size_t i = 0; i < count; ++i) {
        const auto& own = pieces_of(i);
        if (round < own.size()) running->sinks[i]->on_text(own[round].text, own[round].tokens);
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      auto how = i + 1 == count ? last_finish.value_or(finish) : finish;
      if (running->cancelled) how = engine::Finish::cancelled;
      engine::Usage usage;
      if (starts) usage.prompt_tokens = static_cast<int>(running->job.prompt.size());
      if (starts) usage.cached_tokens = cached_tokens;
      if (speaks) usage.completion_tokens = static_cast<int>(pieces_of(i).size());
      if (speaks) usage.reasoning_tokens = reasoning_tokens;
      usage.stopped_by = stopped_by;
      running->sinks[i]->on_done(how, usage);
    }
    running->sinks.clear();
  }

 private:
  class FakeTicket final : public engine::Ticket {
   public:
    explicit FakeTicket(std::shared_ptr<Held> held) : held_(std::move(held)) {}
    void cancel() noexcept override { held_->cancelled = true; }

   private:
    std::shared_ptr<Held> held_;
  };

  const std::vector<FakePiece>& pieces_of(std::size_t choice) const {
    return choice == 0 || choice > more_pieces.size() ? pieces : more_pieces[choice - 1];
  }
  std::size_t longest() const {
    std::size_t out = pieces.size();
    for (const auto& own : more_pieces) out = std::max(out, own.size());
    return out;
  }

  std::string build_ = "fake-engine 1";
};

class FakeTee final : public attest::Tee {
 public:
  bool broken = false;
  int quotes = 0;
  std::string_view tee_type() const noexcept override { return "tdx"; }
  bool simulated() const noexcept override { return true; }
  Result<attest::Evidence> quote(const evidence::ReportData& report_data) override {
    ++quotes;
    if (broken) return fail(Errc::unavailable, "no quote");
    attest::Evidence out;
    out.quote = to_bytes(report_data);
    out.app_compose = "{}";
    return out;
  }
  Status measure(std::string_view, ByteView) override { return {}; }
};

// A store that can be told to fail.
class FakeStore final : public store::ReceiptStore {
 public:
  bool broken = false;
  Status put(const std::string& receipt_id, const std::optional<std::string>& chat_id,
             const store::StoredReceipt& receipt, Time) override {
    const std::lock_guard lock(mutex_);
    if (broken) return fail(Errc::unavailable, "disk full");
    receipts_.emplace_back(receipt_id, receipt);
    if (chat_id) receipts_.emplace_back(*chat_id, receipt);
    return {};
  }
  Result<store::StoredReceipt> find(const std::string& id, Time) override {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, receipt] : receipts_) {
      if (name == id) return receipt;
    }
    return fail(Errc::not_found, "no such receipt");
  }
  Result<std::size_t> prune(Time) override { return std::size_t{0}; }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return receipts_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<std::string, store::StoredReceipt>> receipts_;
};

}  // namespace confide::api
