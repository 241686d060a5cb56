// For the tests of this module: takes down what becomes of a job.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"

namespace confide::engine {

class Recorder final : public Sink {
 public:
  void on_start() override {
    const std::lock_guard lock(mutex_);
    started_ = true;
  }
  void on_prompt(std::span<const TokenReport> tokens) override {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(text_.empty());
    prompt_.insert(prompt_.end(), tokens.begin(), tokens.end());
  }
  void on_text(std::string_view text, std::span<const TokenReport> tokens) override {
    const std::lock_guard lock(mutex_);
    text_ += text;
    reports_.insert(reports_.end(), tokens.begin(), tokens.end());
    ++pieces_;
    changed_.notify_all();
  }
  void on_done(Finish finish, Usage usage) override {
    const std::lock_guard lock(mutex_);
    finish_ = finish;
    usage_ = usage;
    ++ends_;
    changed_.notify_all();
  }

  void wait_for_text() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !text_.empty() || finish_; });
  }
  Finish wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return finish_.has_value(); });
    return *finish_;
  }
  std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  // Once it has ended.
  const std::vector<TokenReport>& prompt() const { return prompt_; }
  const std::vector<TokenReport>& reports() const { return reports_; }
  // How often text has come.
  int pieces() const {
    const std::lock_guard lock(mutex_);
    return pieces_;
  }
  bool started() const {
    const std::lock_guard lock(mutex_);
    return started_;
  }
  Usage usage() const { return usage_; }
  int ends() const { return ends_; }
  bool ended() const {
    const std::lock_guard lock(mutex_);
    return finish_.has_value();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
  std::vector<TokenReport> prompt_;
  std::vector<TokenReport> reports_;
  std::optional<Finish> finish_;
  Usage usage_;
  int pieces_ = 0;
  int ends_ = 0;
  bool started_ = false;
};

struct Running {
  std::shared_ptr<Recorder> sink;
  std::unique_ptr<Ticket> ticket;
};

inline Running start(Engine& engine, Job job) {
  auto sink = std::make_shared<Recorder>();
  auto ticket = engine.submit(std::move(job), {sink});
  EXPECT_TRUE(ticket) << ticket.error().message;
  return {.sink = sink, .ticket = ticket ? *std::move(ticket) : nullptr};
}

inline std::shared_ptr<Recorder> run(Engine& engine, Job job) {
  const Running running = start(engine, std::move(job));
  running.sink->wait();
  return running.sink;
}

}  // namespace confide::engine
