// The model: one thread owns it and batches every request that is running (continuous batching).
// The only module that includes llama.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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
  int queue_seconds = 60;       // what waits for longer expires; 0: nothing does
  int prompt_chunk = 128;       // tokens of prompts in one batch with answers under way
  bool keep_prompts = true;     // for jobs with a cache key, until the room is needed
  bool context_shift = false;  // a full context forgets its older half instead of ending the answer
  // The same job gives the same answer, bit for bit, whatever else runs: each batch is of one
  // request alone, and nothing is kept. Costs what batching gains.
  bool deterministic = false;
};

struct ModelInfo {
  std::string description;  // architecture, size and quantisation, as llama.cpp says it
  int context_length = 0;   // tokens one request may use
  bool shifts = false;      // an answer may go on beyond them (Options::context_shift)
  std::uint64_t parameters = 0;
};

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // JSON text
};

struct Message {
  std::string role;  // system, developer, user, assistant, tool
  std::string content;
  std::string reasoning = {};             // the assistant's
  std::vector<ToolCall> tool_calls = {};  // the assistant's
  std::string tool_call_id = {};          // of a tool's answer: the call that it answers
  std::string name = {};                  // of the tool, or of who speaks; may be empty
};

struct Tool {
  std::string name;
  std::string description;
  std::string parameters;  // JSON schema; empty: takes none
};

enum class ToolUse { none, allowed, required };

// What an assistant is to answer to, and in which form.
struct Conversation {
  std::vector<Message> messages;
  std::vector<Tool> tools = {};
  ToolUse tool_use = ToolUse::allowed;
  bool parallel_tool_calls = true;
  std::string answer_schema = {};  // JSON schema of the answer's text; empty: any text
  bool thinking = true;            // for models whose template can turn it off
};

struct ToolCallDelta {
  std::size_t index = 0;  // of the call within the answer
  std::string id;  // both with the call's first piece, else empty; no id if the model gives none
  std::string name;
  std::string arguments;  // to be appended
};

// What came on top of what is known already.
struct AnswerDelta {
  std::string content;
  std::string reasoning;
  std::vector<ToolCallDelta> tool_calls;
};

// Takes one answer apart while it comes: text at once, calls when they are whole, which the
// engine's own readers know at the end. Cheap enough for every piece of text. Not thread-safe.
class AnswerReader {
 public:
  virtual ~AnswerReader() = default;
  virtual AnswerDelta push(std::string_view text) = 0;
  // The answer is whole, or was cut off: what was held back. A call that is not whole is dropped,
  // never invented.
  virtual AnswerDelta finish() = 0;
};

// How a model writes an answer: what it may write, and how that is read. Immutable.
class AnswerFormat {
 public:
  virtual ~AnswerFormat() = default;
  virtual std::unique_ptr<AnswerReader> reader() const = 0;
};

struct ChatPrompt {
  std::vector<Token> tokens;
  std::shared_ptr<const AnswerFormat> format;  // null: all text is content
};

struct Sampling {
  float temperature = 1.0F;  // 0: greedy
  float top_p = 1.0F;
  int top_k = 0;  // tokens that may be picked, the likeliest; 0: all
  float presence_penalty = 0.0F;
  float frequency_penalty = 0.0F;
  std::uint32_t seed = 0;
  std::vector<std::pair<Token, float>> bias = {};  // added to the logits; -100 and below forbids
  int logprobs = -1;  // how many of the likeliest tokens each TokenReport lists; -1: no reports
};

struct Job {
  std::vector<Token> prompt;
  std::shared_ptr<const AnswerFormat> format = {};  // of the engine that made it
  Sampling sampling;
  int max_tokens = 0;  // > 0; a full context ends the answer earlier. 0: for the prompt's reports
  // Whether there are reports, as sampling.logprobs says, on the tokens of the prompt too. Such a
  // job reads all of its prompt, for each answer: it finds nothing kept.
  bool prompt_reports = false;
  std::vector<std::string> stop = {};  // UTF-8
  // Who asks, for slots are shared out among callers; empty: one of those who do not say.
  std::string caller = {};
  // Whose prompt it is: only jobs with the same key find what is kept of each other's prompts.
  // Empty: nothing is found, and nothing kept.
  std::string cache_key = {};
};

enum class Finish {
  stop,       // the model ended its answer, or a stop string came
  length,     // max_tokens, or the context is full
  cancelled,  // by its ticket, or the engine goes away
  expired,    // it waited for a slot for too long, and never started
  error,      // the computation failed; others are not affected
};

// As llama.cpp's own server counts: the start token is a prompt token, and the token that ended the
// answer, though it shows no text, is a completion token.
struct Usage {
  int prompt_tokens = 0;
  int cached_tokens = 0;  // of the prompt's, found in the cache
  int completion_tokens = 0;
  int reasoning_tokens = 0;  // of these, what the answer's reader takes for reasoning
  std::optional<std::size_t> stopped_by = {};  // which of the job's stop strings ended the answer
};

struct TokenChance {
  Token token = 0;
  std::string bytes;  // not always whole UTF-8 characters
  float logprob = 0;  // natural logarithm, before temperature, penalties and bias
};

struct TokenReport {
  TokenChance picked;
  std::vector<TokenChance> likeliest;  // first the likeliest
  // The first token of a prompt: nothing came before it, so there is no logprob and no likeliest.
  bool given = false;
};

// Receives one answer on the engine's thread; must not block, throw or submit().
class Sink {
 public:
  virtual ~Sink() = default;
  // Before anything else, unless on_done() comes without it: it has a slot.
  virtual void on_start() = 0;
  // If asked for: the reports on the prompt's tokens, in order, in several calls before any text.
  virtual void on_prompt(std::span<const TokenReport> tokens) = 0;
  // Whole UTF-8 characters; stop strings never show, nor a prefix that might become one. With them
  // the reports, if asked for, of the tokens that made the text.
  virtual void on_text(std::string_view text, std::span<const TokenReport> tokens) = 0;
  // Last call.
  virtual void on_done(Finish finish, Usage usage) = 0;
};

// A running job. Destroying it, or cancel(), frees its slots before the next token; on_done() still
// comes. It may outlive the engine.
class Ticket {
 public:
  virtual ~Ticket() = default;
  virtual void cancel() noexcept = 0;
};

struct Load {
  int active = 0;                         // slots in use
  int waiting = 0;                        // for a slot
  std::uint64_t prompt_tokens_total = 0;  // cached ones included
  std::uint64_t cached_tokens_total = 0;
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
  // control token spelt in a message or a tool is read as the characters it is made of. Fails with
  // `malformed` on roles or shapes the template refuses and on schemas that cannot be followed,
  // `limit` on more text than can ever fit.
  virtual Result<ChatPrompt> prepare(const Conversation& conversation) const = 0;
  // A plain prompt, the model's start token included. `special`: whether control tokens spelt in
  // the text are read as such; never for what a user wrote. Fails with `limit` as above.
  virtual Result<std::vector<Token>> tokenize(std::string_view text, bool special) const = 0;
  // A prompt whose answer fills in what lies between two texts, the model's start token included.
  // No control token is read in either. Fails with `unsupported` if the vocabulary has no tokens
  // for it, `limit` as above.
  virtual Result<std::vector<Token>> prepare_infill(std::string_view prefix,
                                                    std::string_view suffix) const = 0;
  // The bytes that tokens stand for, control tokens spelt out. Fails with `malformed` on a token
  // that is none of the model's.
  virtual Result<std::string> detokenize(std::span<const Token> tokens) const = 0;
  virtual int vocabulary_size() const noexcept = 0;
  // One answer for each sink, the prompt read once; the seed of each is one more than that of the
  // one before. Fails with `limit` if the queue is full, `malformed` if the prompt leaves no room
  // in the context or the job makes no sense. The prompt is wiped when the job is over or refused.
  virtual Result<std::unique_ptr<Ticket>> submit(Job job,
                                                 std::vector<std::shared_ptr<Sink>> sinks) = 0;
  virtual Load load_now() const = 0;
  // Cancels what runs and waits (every Sink gets its on_done()); later submits fail with
  // `unavailable`. For an orderly end, while what the sinks use still stands. Idempotent.
  virtual void stop() = 0;
};

}  // namespace confide::engine
