// The model: one thread owns it and batches every request that is running (continuous batching).
// The only module that includes llama.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/model_file.h"

namespace confide::engine {

using Token = std::int32_t;

struct Options {
  int slots = 8;                // requests generated at the same time
  int context_per_slot = 4096;  // tokens, prompt and answer together; capped by the model's own
  int threads = 0;              // 0: one per core
  int queue = 64;               // requests that may wait for a slot
};

struct ModelInfo {
  std::string description;  // architecture, size and quantisation, as llama.cpp says it
  int context_length = 0;   // tokens one request may use
  std::uint64_t parameters = 0;
};

struct Message {
  std::string role;  // system, developer, user, assistant, tool
  std::string content;
};

struct Sampling {
  float temperature = 1.0F;  // 0: greedy
  float top_p = 1.0F;
  float presence_penalty = 0.0F;
  float frequency_penalty = 0.0F;
  std::uint32_t seed = 0;
};

struct Job {
  std::vector<Token> prompt;
  Sampling sampling;
  int max_tokens = 0;             // > 0; a full context ends the answer earlier
  std::vector<std::string> stop;  // UTF-8
};

enum class Finish {
  stop,       // the model ended its answer, or a stop string came
  length,     // max_tokens, or the context is full
  cancelled,  // by its ticket, or the engine goes away
  error,      // the computation failed; others are not affected
};

// As llama.cpp's own server counts: the start token is a prompt token, and the token that ended the
// answer, though it shows no text, is a completion token.
struct Usage {
  int prompt_tokens = 0;
  int completion_tokens = 0;
};

// Receives one job's output on the engine's thread; must not block, throw or submit().
class Sink {
 public:
  virtual ~Sink() = default;
  // Whole UTF-8 characters; stop strings never show, nor a prefix that might become one.
  virtual void on_text(std::string_view text) = 0;
  // Last call.
  virtual void on_done(Finish finish, Usage usage) = 0;
};

// A running job. Destroying it, or cancel(), frees the slot before the next token; on_done() still
// comes. It may outlive the engine.
class Ticket {
 public:
  virtual ~Ticket() = default;
  virtual void cancel() noexcept = 0;
};

struct Load {
  int active = 0;   // slots in use
  int waiting = 0;  // for a slot
  std::uint64_t prompt_tokens_total = 0;
  std::uint64_t completion_tokens_total = 0;
};

// Thread-safe.
class Engine {
 public:
  // Fails with `malformed` if the file is no model llama.cpp can load or an option makes no sense,
  // `limit` or `unavailable` if there is no room for the context; the message says why.
  static Result<std::unique_ptr<Engine>> load(const ModelFile& file, const Options& options);
  virtual ~Engine() = default;  // cancels what runs and joins the thread

  virtual const ModelInfo& info() const noexcept = 0;
  // Name, version and compile flags of the engine; stands in receipts.
  virtual const std::string& build() const noexcept = 0;
  // Renders the model's own chat template, with the prompt for the assistant's turn at the end. A
  // control token spelt in a message is read as the characters it is made of. Fails with
  // `malformed` on roles or shapes the template refuses, `limit` on more text than can ever fit.
  virtual Result<std::vector<Token>> tokenize_chat(const std::vector<Message>& messages) const = 0;
  // A plain prompt, the model's start token included. `special`: whether control tokens spelt in
  // the text are read as such; never for what a user wrote. Fails with `limit` as above.
  virtual Result<std::vector<Token>> tokenize(std::string_view text, bool special) const = 0;
  virtual int vocabulary_size() const noexcept = 0;
  // Fails with `limit` if the queue is full, `malformed` if the prompt leaves no room in the
  // context or the job makes no sense. The prompt is wiped when the job is over or refused.
  virtual Result<std::unique_ptr<Ticket>> submit(Job job, std::shared_ptr<Sink> sink) = 0;
  virtual Load load_now() const = 0;
  // Cancels what runs and waits (every Sink gets its on_done()); later submits fail with
  // `unavailable`. For an orderly end, while what the sinks use still stands. Idempotent.
  virtual void stop() = 0;
};

}  // namespace confide::engine
