// A loaded model and its vocabulary: llama_model with an owner.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/model_file.h"

struct llama_model;
struct llama_vocab;

namespace confide::engine {

// Immutable once loaded: every member may be called from any thread.
class LlamaModel {
 public:
  enum class Purpose { text, embeddings };
  // Maps the file's pages; `file` may go afterwards. Fails with `malformed`, saying why, also if
  // the model is of no use for `purpose`.
  static Result<LlamaModel> load(const ModelFile& file, Purpose purpose = Purpose::text);

  llama_model* get() const noexcept { return model_.get(); }
  const llama_vocab* vocabulary() const noexcept;
  int vocabulary_size() const noexcept;
  int trained_context() const noexcept;
  std::string description() const;
  int embedding_size() const noexcept;
  std::uint64_t parameters() const noexcept;
  // Bytes in the longest text one token stands for.
  std::size_t longest_piece() const noexcept { return longest_piece_; }

  // End of text, end of turn, and what else the model ends an answer with.
  bool ends_generation(Token token) const noexcept;
  // How control tokens spelt in a text are read: as themselves, or as the characters they are.
  enum class Control { parse, plain };
  // Sets `out` to the bytes a token stands for, not always whole UTF-8 characters. Control tokens
  // are spelt out, or (plain) stand for none.
  void piece(Token token, std::string& out, Control control = Control::plain) const;

  // Whether the model's start (and end) tokens are put around the text, where it wants them.
  enum class Frame { add, none };
  Result<std::vector<Token>> tokenize(std::string_view text, Control control, Frame frame) const;

 private:
  struct Free {
    void operator()(llama_model* model) const noexcept;
  };
  explicit LlamaModel(llama_model* model);

  std::unique_ptr<llama_model, Free> model_;
  std::size_t longest_piece_ = 0;
};

}  // namespace confide::engine
