#include "engine/llama_context.h"

#include <llama.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

#include "base/secret.h"
#include "engine/llama_guard.h"

namespace confide::engine {
namespace {

// Tokens computed together. One batch is never more, so that a long prompt holds up the others, and
// a cancellation, for one such step at a time.
constexpr int kBatchTokens = 512;

// What can come out of a batch besides one token for each sequence: a vocabulary of numbers each.
constexpr int kSpareOutputs = 32;

bool abort_wanted(void* should_abort) {
  return (*static_cast<std::function<bool()>*>(should_abort))();
}

}  // namespace

struct LlamaContext::Batch {
  explicit Batch(int size)
      : capacity(size), raw(llama_batch_init(size, /*embd=*/0, /*n_seq_max=*/1)) {}
  ~Batch() { llama_batch_free(raw); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // Tokens are the prompt in another spelling.
  void clear() {
    const auto used = std::span(raw.token, static_cast<std::size_t>(raw.n_tokens));
    wipe({reinterpret_cast<std::uint8_t*>(used.data()), used.size_bytes()});
    raw.n_tokens = 0;
    spare_used = 0;
  }

  int capacity;
  int spare_used = 0;
  llama_batch raw;
};

void LlamaContext::FreeContext::operator()(llama_context* context) const noexcept {
  llama_free(context);
}

void LlamaContext::FreeThreads::operator()(ggml_threadpool* threads) const noexcept {
  ggml_threadpool_free(threads);
}

Result<std::unique_ptr<LlamaContext>> LlamaContext::make(const LlamaModel& model,
                                                         const Shape& shape,
                                                         std::function<bool()> should_abort) {
  std::unique_ptr<LlamaContext> made(new LlamaContext(model, std::move(should_abort)));
  TRY(made->open(model, shape));
  return made;
}

LlamaContext::LlamaContext(const LlamaModel& model, std::function<bool()> should_abort)
    : should_abort_(std::move(should_abort)),
      vocabulary_size_(model.vocabulary_size()),
      embedding_size_(llama_model_n_embd_out(model.get())) {}

LlamaContext::~LlamaContext() = default;

Result<llama_context_params> LlamaContext::params(const Shape& shape, int trained_context) {
  if (trained_context < 1) return fail(Errc::malformed, "context length out of range");
  const int context = std::min(shape.context, trained_context);
  // A vector is made of all its tokens at once; all sequences of a batch share its room.
  const int batch = shape.embeddings ? std::max(context, shape.sequences)
                                     : std::max(kBatchTokens, shape.sequences);
  const std::int64_t all = shape.embeddings ? batch : std::int64_t{context} * shape.sequences;
  if (all > std::numeric_limits<std::int32_t>::max()) {
    return fail(Errc::limit, "context times slots: too many tokens");
  }
  llama_context_params out = llama_context_default_params();
  out.n_ctx = static_cast<std::uint32_t>(all);
  out.n_batch = static_cast<std::uint32_t>(batch);
  out.n_ubatch = static_cast<std::uint32_t>(batch);
  out.n_seq_max = static_cast<std::uint32_t>(shape.sequences);
  out.n_outputs_max =
      static_cast<std::uint32_t>(shape.embeddings ? batch : shape.sequences + kSpareOutputs);
  out.n_threads = shape.threads;
  out.n_threads_batch = shape.threads;
  out.embeddings = shape.embeddings;
  out.kv_unified = shape.embeddings;
  return out;
}

Status LlamaContext::open(const LlamaModel& model, const Shape& shape) {
  const LlamaGuard guard;
  TRY_ASSIGN(llama_context_params wanted, params(shape, model.trained_context()));
  wanted.abort_callback = abort_wanted;
  wanted.abort_callback_data = &should_abort_;
  try {
    context_.reset(llama_init_from_model(model.get(), wanted));
    if (context_ != nullptr && shape.embeddings &&
        llama_pooling_type(context_.get()) == LLAMA_POOLING_TYPE_NONE) {
      wanted.pooling_type = LLAMA_POOLING_TYPE_MEAN;  // the model does not say how
      context_.reset(llama_init_from_model(model.get(), wanted));
    }
    if (context_ == nullptr) {
      return fail(Errc::unavailable, guard.reason("no memory for the context"));
    }
    if (!shape.embeddings && llama_get_memory(context_.get()) == nullptr) {
      return fail(Errc::malformed,
                  "not a text generation model: it reads a text as a whole, and writes none");
    }
    if (shape.embeddings && llama_pooling_type(context_.get()) == LLAMA_POOLING_TYPE_RANK) {
      return fail(Errc::malformed, "the model ranks texts; it makes no vectors of them");
    }
    ggml_threadpool_params threads = ggml_threadpool_params_default(shape.threads);
    threads_.reset(ggml_threadpool_new(&threads));
    if (threads_ == nullptr) return fail(Errc::unavailable, "no threads for the model");
    llama_attach_threadpool(context_.get(), threads_.get(), threads_.get());
    length_ = std::min(std::min(shape.context, model.trained_context()),
                       static_cast<int>(llama_n_ctx_seq(context_.get())));
    batch_ = std::make_unique<Batch>(static_cast<int>(wanted.n_batch));
    warm_up();
  } catch (const std::exception& e) {
    return fail(Errc::malformed, e.what());
  }
  return {};
}

// Reads every weight once, so that the first request does not wait for that.
void LlamaContext::warm_up() {
  add(0, 0, 0, Output::wanted);
  decode();
  forget_all();
  rest();
}

int LlamaContext::room() const noexcept { return batch_->capacity - batch_->raw.n_tokens; }

int LlamaContext::spare_outputs() const noexcept { return kSpareOutputs - batch_->spare_used; }

int LlamaContext::add(Token token, int position, int sequence, Output output) {
  llama_batch& b = batch_->raw;
  const int place = b.n_tokens++;
  b.token[place] = token;
  b.pos[place] = position;
  b.n_seq_id[place] = 1;
  b.seq_id[place][0] = sequence;
  b.logits[place] = output == Output::none ? 0 : 1;
  if (output == Output::spare) ++batch_->spare_used;
  return place;
}

LlamaContext::Outcome LlamaContext::decode() {
  constexpr int kAborted = 2;
  int result = -1;
  try {
    result = llama_decode(context_.get(), batch_->raw);
  } catch (const std::exception&) {
    result = -1;
  }
  batch_->clear();
  if (result == 0) return Outcome::done;
  return result == kAborted ? Outcome::aborted : Outcome::failed;
}

std::span<float> LlamaContext::logits(int place) {
  float* out = llama_get_logits_ith(context_.get(), place);
  if (out == nullptr) return {};
  return {out, static_cast<std::size_t>(vocabulary_size_)};
}

std::span<const float> LlamaContext::embedding(int sequence) {
  const float* out = llama_get_embeddings_seq(context_.get(), sequence);
  if (out == nullptr) return {};
  return {out, static_cast<std::size_t>(embedding_size_)};
}

// A model that reads a text as a whole keeps no memory of it.
void LlamaContext::forget_all() {
  llama_memory_t memory = llama_get_memory(context_.get());
  if (memory != nullptr) llama_memory_clear(memory, /*data=*/true);
}

void LlamaContext::forget(int sequence) {
  llama_memory_seq_rm(llama_get_memory(context_.get()), sequence, -1, -1);
}

void LlamaContext::copy(int from, int to) {
  llama_memory_t memory = llama_get_memory(context_.get());
  llama_memory_seq_rm(memory, to, -1, -1);
  llama_memory_seq_cp(memory, from, to, -1, -1);
}

// Some memories keep a window of the past, or only a sum of it.
bool LlamaContext::cut(int sequence, int length) {
  llama_memory_t memory = llama_get_memory(context_.get());
  return llama_memory_seq_rm(memory, sequence, length, -1) &&
         llama_memory_seq_pos_min(memory, sequence) == 0 &&
         llama_memory_seq_pos_max(memory, sequence) == length - 1;
}

bool LlamaContext::shift(int sequence, int from, int to) {
  llama_memory_t memory = llama_get_memory(context_.get());
  if (!llama_memory_can_shift(memory) || !llama_memory_seq_rm(memory, sequence, from, to)) {
    return false;
  }
  llama_memory_seq_add(memory, sequence, to, -1, from - to);
  return true;
}

void LlamaContext::rest() { ggml_threadpool_pause(threads_.get()); }

}  // namespace confide::engine
