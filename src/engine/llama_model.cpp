#include "engine/llama_model.h"

#include <fmt/format.h>
#include <llama.h>

#include <algorithm>
#include <array>
#include <exception>
#include <limits>

#include "engine/llama_guard.h"

namespace confide::engine {
namespace {

// A memory-mapped model, every tensor checked for impossible values.
llama_model_params load_params() {
  llama_model_params params = llama_model_default_params();
  params.load_mode = LLAMA_LOAD_MODE_MMAP;
  params.check_tensors = true;
  params.progress_callback = [](float /*progress*/, void* /*user_data*/) { return true; };
  return params;
}

bool generates_text(const llama_model* model) {
  return llama_model_has_decoder(model) && !llama_model_has_encoder(model) &&
         !llama_model_is_diffusion(model);
}

bool makes_vectors(const llama_model* model) {
  return !llama_model_has_encoder(model) && llama_model_n_embd_out(model) > 0;
}

}  // namespace

void LlamaModel::Free::operator()(llama_model* model) const noexcept { llama_model_free(model); }

Result<LlamaModel> LlamaModel::load(const ModelFile& file, Purpose purpose) {
  const LlamaGuard guard;
  try {
    llama_backend_init();
    llama_model* raw = llama_model_load_from_file(file.path().c_str(), load_params());
    if (raw == nullptr) {
      return fail(Errc::malformed,
                  fmt::format("{}: {}", file.name(), guard.reason("llama.cpp cannot load it")));
    }
    LlamaModel model(raw);
    const bool wanted = purpose == Purpose::text ? generates_text(raw) : makes_vectors(raw);
    if (llama_vocab_type(model.vocabulary()) == LLAMA_VOCAB_TYPE_NONE || !wanted) {
      return fail(Errc::malformed,
                  fmt::format("{}: not {}", file.name(),
                              purpose == Purpose::text ? "a text generation model"
                                                       : "a model that makes vectors of texts"));
    }
    if (model.trained_context() < 1) {  // llama.cpp's own type is unsigned
      return fail(Errc::malformed, file.name() + ": context length out of range");
    }
    std::string piece;
    for (Token token = 0; token < model.vocabulary_size(); ++token) {
      model.piece(token, piece);
      model.longest_piece_ = std::max(model.longest_piece_, piece.size());
    }
    return model;
  } catch (const std::exception& e) {
    return fail(Errc::malformed, fmt::format("{}: {}", file.name(), e.what()));
  }
}

LlamaModel::LlamaModel(llama_model* model) : model_(model) {}

const llama_vocab* LlamaModel::vocabulary() const noexcept {
  return llama_model_get_vocab(model_.get());
}

int LlamaModel::vocabulary_size() const noexcept { return llama_vocab_n_tokens(vocabulary()); }

int LlamaModel::trained_context() const noexcept { return llama_model_n_ctx_train(model_.get()); }

std::string LlamaModel::description() const {
  std::array<char, 256> text{};
  llama_model_desc(model_.get(), text.data(), text.size());
  return text.data();
}

int LlamaModel::embedding_size() const noexcept { return llama_model_n_embd_out(model_.get()); }

std::uint64_t LlamaModel::parameters() const noexcept { return llama_model_n_params(model_.get()); }

bool LlamaModel::ends_generation(Token token) const noexcept {
  return llama_vocab_is_eog(vocabulary(), token);
}

void LlamaModel::piece(Token token, std::string& out, Control control) const {
  constexpr std::size_t kUsual = 64;
  out.resize(kUsual);
  const auto write = [&] {
    return llama_token_to_piece(vocabulary(), token, out.data(), static_cast<int>(out.size()),
                                /*lstrip=*/0, control == Control::parse);
  };
  int length = write();
  if (length < 0) {
    out.resize(static_cast<std::size_t>(-length));
    length = write();
  }
  out.resize(static_cast<std::size_t>(std::max(length, 0)));
}

Result<std::vector<Token>> LlamaModel::tokenize(std::string_view text, Control control,
                                                Frame frame) const {
  constexpr std::size_t kFrame = 8;  // start and end tokens, a leading space: a few at most
  if (text.size() > std::numeric_limits<std::int32_t>::max() - kFrame) {
    return fail(Errc::limit, "text too long");
  }
  std::vector<Token> tokens(text.size() + kFrame);
  try {
    const int count = llama_tokenize(
        vocabulary(), text.data(), static_cast<std::int32_t>(text.size()), tokens.data(),
        static_cast<std::int32_t>(tokens.size()), frame == Frame::add, control == Control::parse);
    if (count < 0) return fail(Errc::internal, "more tokens than bytes");
    tokens.resize(static_cast<std::size_t>(count));
    return tokens;
  } catch (const std::exception&) {
    return fail(Errc::malformed, "the model's tokenizer refuses this text");
  }
}

}  // namespace confide::engine
