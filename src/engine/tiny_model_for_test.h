// For the tests of this module: whole models of some hundred kilobytes, made on the spot. Their
// weights are noise, the same every time, so what they say means nothing.
#pragma once

#include <fmt/format.h>
#include <ggml.h>
#include <gguf.h>
#include <gtest/gtest.h>
#include <llama.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/testing/temp_folder.h"
#include "engine/test_model.h"

namespace confide::engine {

using Pooling = enum llama_pooling_type;  // llama.cpp has a function of this name too

struct TinyToken {
  std::string text;
  llama_token_type type = LLAMA_TOKEN_TYPE_NORMAL;
};

// A GGUF file in the making.
class TinyModel {
 public:
  static constexpr std::uint32_t kWidth = 64;
  static constexpr std::uint32_t kInner = 128;
  static constexpr std::uint32_t kLayers = 2;
  static constexpr std::uint32_t kHeads = 4;

  explicit TinyModel(std::string architecture, std::uint32_t context)
      : architecture_(std::move(architecture)) {
    gguf_set_val_str(gguf_.get(), "general.architecture", architecture_.c_str());
    number("context_length", context);
    number("embedding_length", kWidth);
    number("feed_forward_length", kInner);
    number("block_count", kLayers);
    number("attention.head_count", kHeads);
  }

  gguf_context* get() const { return gguf_.get(); }
  // Members of the architecture's own.
  void number(const std::string& name, std::uint32_t value) {
    gguf_set_val_u32(gguf_.get(), key(name).c_str(), value);
  }
  void fraction(const std::string& name, float value) {
    gguf_set_val_f32(gguf_.get(), key(name).c_str(), value);
  }
  void flag(const std::string& name, bool value) {
    gguf_set_val_bool(gguf_.get(), key(name).c_str(), value);
  }

  void vocabulary(const char* kind, const std::vector<TinyToken>& tokens) {
    std::vector<const char*> texts;
    std::vector<std::int32_t> types;
    for (const TinyToken& token : tokens) {
      texts.push_back(token.text.c_str());
      types.push_back(token.type);
    }
    gguf_set_val_str(gguf_.get(), "tokenizer.ggml.model", kind);
    gguf_set_arr_str(gguf_.get(), "tokenizer.ggml.tokens", texts.data(), texts.size());
    gguf_set_arr_data(gguf_.get(), "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types.data(),
                      types.size());
  }

  // Noise around `middle`.
  void tensor(const std::string& name, std::initializer_list<std::int64_t> shape,
              float middle = 0.0F) {
    const std::vector<std::int64_t> sides(shape);
    ggml_tensor* made = ggml_new_tensor(tensors_.get(), GGML_TYPE_F32,
                                        static_cast<int>(sides.size()), sides.data());
    ggml_set_name(made, name.c_str());
    const std::span values(static_cast<float*>(made->data),
                           static_cast<std::size_t>(ggml_nelements(made)));
    for (float& value : values) {
      value = middle + static_cast<float>(noise_() % 256) / 1024.0F - 0.125F;
    }
    gguf_add_tensor(gguf_.get(), made);
  }
  // With a bias, named as llama.cpp does.
  void layer(const std::string& name, std::initializer_list<std::int64_t> shape,
             float middle = 0.0F) {
    tensor(name + ".weight", shape, middle);
    tensor(name + ".bias", {*(shape.end() - 1)});
  }

  ModelFile write() const {
    const TempFolder folder;
    const std::string path = folder.file("tiny.gguf");
    EXPECT_TRUE(gguf_write_to_file(gguf_.get(), path.c_str(), /*only_meta=*/false));
    return load_file(path).value();
  }

 private:
  struct FreeGguf {
    void operator()(gguf_context* gguf) const noexcept { gguf_free(gguf); }
  };
  struct FreeTensors {
    void operator()(ggml_context* tensors) const noexcept { ggml_free(tensors); }
  };
  static constexpr std::size_t kRoom = std::size_t{8} << 20U;

  std::string key(const std::string& name) const { return architecture_ + "." + name; }

  std::string architecture_;
  std::unique_ptr<gguf_context, FreeGguf> gguf_{gguf_init_empty()};
  std::unique_ptr<ggml_context, FreeTensors> tensors_{
      ggml_init({.mem_size = kRoom, .mem_buffer = nullptr, .no_alloc = false})};
  std::mt19937 noise_{1};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same every time
};

// The letters that stand for bytes in vocabularies like GPT-2's.
inline std::vector<TinyToken> byte_tokens() {
  std::vector<TinyToken> out;
  unsigned moved = 0x100;
  for (unsigned byte = 0; byte < 0x100; ++byte) {
    const bool shows = (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
    const unsigned letter = shows ? byte : moved++;
    std::string text;
    if (letter < 0x80) {
      text += static_cast<char>(letter);
    } else {
      text += static_cast<char>(0xC0U | (letter >> 6U));
      text += static_cast<char>(0x80U | (letter & 0x3FU));
    }
    out.push_back({.text = text});
  }
  return out;
}

// Generates. Its vocabulary has the bytes, then <|end|>, then what is given.
inline ModelFile tiny_generator(const std::vector<TinyToken>& more) {
  constexpr std::uint32_t kEnd = 256;
  TinyModel model("llama", 256);
  constexpr std::int64_t kWidth = TinyModel::kWidth;
  model.fraction("attention.layer_norm_rms_epsilon", 1e-5F);
  model.number("rope.dimension_count", TinyModel::kWidth / TinyModel::kHeads);
  std::vector<TinyToken> tokens = byte_tokens();
  tokens.push_back({.text = "<|end|>", .type = LLAMA_TOKEN_TYPE_CONTROL});
  tokens.insert(tokens.end(), more.begin(), more.end());
  model.vocabulary("gpt2", tokens);
  const char* merge = "a b";
  gguf_set_arr_str(model.get(), "tokenizer.ggml.merges", &merge, 1);
  gguf_set_val_u32(model.get(), "tokenizer.ggml.bos_token_id", kEnd);
  gguf_set_val_u32(model.get(), "tokenizer.ggml.eos_token_id", kEnd);
  gguf_set_val_bool(model.get(), "tokenizer.ggml.add_bos_token", true);
  model.tensor("token_embd.weight", {kWidth, static_cast<std::int64_t>(tokens.size())});
  model.tensor("output_norm.weight", {kWidth}, 1.0F);
  for (std::uint32_t i = 0; i < TinyModel::kLayers; ++i) {
    const std::string block = fmt::format("blk.{}.", i);
    for (const char* norm : {"attn_norm", "ffn_norm"}) {
      model.tensor(block + norm + ".weight", {kWidth}, 1.0F);
    }
    for (const char* part : {"attn_q", "attn_k", "attn_v", "attn_output"}) {
      model.tensor(block + part + ".weight", {kWidth, kWidth});
    }
    model.tensor(block + "ffn_gate.weight", {kWidth, TinyModel::kInner});
    model.tensor(block + "ffn_up.weight", {kWidth, TinyModel::kInner});
    model.tensor(block + "ffn_down.weight", {TinyModel::kInner, kWidth});
  }
  return model.write();
}

// Makes vectors, by BERT's architecture: every token sees the whole text. Its vocabulary is
// WordPiece's: all letters and digits, inside words and at their start, and a few words.
inline ModelFile tiny_encoder(std::optional<Pooling> pooling) {
  constexpr std::uint32_t kContext = 64;
  constexpr std::uint32_t kKinds = 2;  // of sentences
  constexpr std::int64_t kWidth = TinyModel::kWidth;
  TinyModel model("bert", kContext);
  model.fraction("attention.layer_norm_epsilon", 1e-12F);
  model.flag("attention.causal", false);
  if (pooling) model.number("pooling_type", static_cast<std::uint32_t>(*pooling));
  std::vector<TinyToken> tokens;
  for (const char* control : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
    tokens.push_back({.text = control, .type = LLAMA_TOKEN_TYPE_CONTROL});
  }
  for (const char letter : std::string_view("abcdefghijklmnopqrstuvwxyz0123456789.,!?")) {
    tokens.push_back({.text = std::string(1, letter)});
    tokens.push_back({.text = std::string("\u2581") + letter});
  }
  for (const char* word : {"the", "cat", "dog", "sleeps", "barks", "fish", "sea"}) {
    tokens.push_back({.text = std::string("\u2581") + word});
  }
  model.vocabulary("bert", tokens);
  for (const auto& [name, token] : {std::pair("unknown", 1U), std::pair("bos", 2U),
                                    std::pair("seperator", 3U), std::pair("mask", 4U)}) {
    gguf_set_val_u32(model.get(), fmt::format("tokenizer.ggml.{}_token_id", name).c_str(), token);
  }
  gguf_set_val_u32(model.get(), "tokenizer.ggml.token_type_count", kKinds);
  model.tensor("token_embd.weight", {kWidth, static_cast<std::int64_t>(tokens.size())});
  model.tensor("token_types.weight", {kWidth, kKinds});
  model.tensor("position_embd.weight", {kWidth, kContext});
  model.layer("token_embd_norm", {kWidth}, 1.0F);
  for (std::uint32_t i = 0; i < TinyModel::kLayers; ++i) {
    const std::string block = fmt::format("blk.{}.", i);
    for (const char* part : {"attn_q", "attn_k", "attn_v", "attn_output"}) {
      model.layer(block + part, {kWidth, kWidth});
    }
    model.layer(block + "ffn_up", {kWidth, TinyModel::kInner});
    model.layer(block + "ffn_down", {TinyModel::kInner, kWidth});
    for (const char* norm : {"attn_output_norm", "layer_output_norm"}) {
      model.layer(block + norm, {kWidth}, 1.0F);
    }
  }
  return model.write();
}

}  // namespace confide::engine
