// What runs a model: the batch, the memory of each sequence, the threads. llama_context with an
// owner.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/llama_model.h"

struct llama_context;
struct llama_context_params;
struct ggml_threadpool;

namespace confide::engine {

// Belongs to one thread at a time.
class LlamaContext {
 public:
  struct Shape {
    int sequences = 1;
    int context = 0;  // tokens for each sequence, at most what the model was trained for
    int threads = 1;
    bool embeddings = false;  // a vector for each sequence, instead of a token to go on with
  };
  enum class Outcome { done, aborted, failed };

  // `should_abort` is asked between the operations of a decode(). `model` must outlive the context.
  // Fails with `unavailable` if memory lacks, `limit` if the tokens of all sequences are 2^31 or
  // more, `malformed` if the model cannot run.
  static Result<std::unique_ptr<LlamaContext>> make(const LlamaModel& model, const Shape& shape,
                                                    std::function<bool()> should_abort);
  // What llama.cpp is asked for. Fails with `limit` as above, and with `malformed` if the model was
  // trained for no context at all.
  static Result<llama_context_params> params(const Shape& shape, int trained_context);
  ~LlamaContext();
  LlamaContext(const LlamaContext&) = delete;
  LlamaContext& operator=(const LlamaContext&) = delete;

  // Tokens each sequence can hold.
  int length() const noexcept { return length_; }
  // Tokens the next batch still takes.
  int room() const noexcept;
  // What is to come out at a token. Of each sequence in a batch one may be wanted; all others are
  // taken from a few spare ones, so that nobody's memory grows with a prompt.
  enum class Output { none, wanted, spare };
  // How many more spare outputs the next batch has.
  int spare_outputs() const noexcept;
  // Puts a token into the next batch; there must be room. Returns its place in the batch.
  int add(Token token, int position, int sequence, Output output);
  // Runs the batch and empties it, whatever the outcome. After `aborted` or `failed` every sequence
  // in the batch must be forgotten.
  Outcome decode();
  // What came out at a place of the last batch, one number for each token of the vocabulary; empty
  // if nothing did. Good until the next decode().
  std::span<float> logits(int place);
  // The vector of a sequence that was in the last batch, as long as the model makes it; empty if it
  // made none. Good until the next decode().
  std::span<const float> embedding(int sequence);
  // Drops all of a sequence.
  void forget(int sequence);
  // Makes sequence `to` remember what `from` does, in the place of all it did. Costs a copy of a
  // whole sequence's memory, whatever is in it.
  void copy(int from, int to);
  // Drops all sequences.
  void forget_all();
  // Drops what comes after the first `length` tokens. False if the model cannot go back to there;
  // the sequence must then be forgotten.
  bool cut(int sequence, int length);
  // Drops the tokens from position `from` to before `to`, and moves those behind them up. False,
  // and nothing changed, if the model cannot.
  bool shift(int sequence, int from, int to);
  // Puts the worker threads to sleep. decode() wakes them; without this they spin for a while.
  void rest();

 private:
  struct FreeContext {
    void operator()(llama_context* context) const noexcept;
  };
  struct FreeThreads {
    void operator()(ggml_threadpool* threads) const noexcept;
  };
  struct Batch;

  LlamaContext(const LlamaModel& model, std::function<bool()> should_abort);
  Status open(const LlamaModel& model, const Shape& shape);
  void warm_up();

  std::function<bool()> should_abort_;
  int vocabulary_size_;
  int embedding_size_;
  int length_ = 0;
  std::unique_ptr<ggml_threadpool, FreeThreads> threads_;
  std::unique_ptr<llama_context, FreeContext> context_;
  std::unique_ptr<Batch> batch_;
};

}  // namespace confide::engine
