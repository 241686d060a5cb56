// deepen FROM TIMES TO: the model FROM with each of its layers TIMES times in a row. What it says
// is poor; what it costs to compute is what a deeper model of this kind costs.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <ggml.h>
#include <gguf.h>

namespace {

constexpr const char* kLayers = "llama.block_count";

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "error: %s\n", why.c_str());
  std::exit(1);
}

// "blk.7.attn_q.weight" as its layer and the rest; -1 for what belongs to no layer.
int layer_of(const std::string& name, std::string& rest) {
  if (!name.starts_with("blk.")) return -1;
  const std::size_t dot = name.find('.', 4);
  rest = name.substr(dot);
  return std::stoi(name.substr(4, dot - 4));
}

void add_copy(gguf_context* to, ggml_context* names, const ggml_tensor* tensor,
              const std::string& name) {
  ggml_tensor* const copy = ggml_dup_tensor(names, tensor);
  copy->data = tensor->data;
  ggml_set_name(copy, name.c_str());
  gguf_add_tensor(to, copy);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) give_up("usage: deepen FROM TIMES TO");
  const int times = std::atoi(argv[2]);
  if (times < 1) give_up("TIMES is a number from 1 on");
  ggml_context* weights = nullptr;
  const std::unique_ptr<gguf_context, decltype(&gguf_free)> from(
      gguf_init_from_file(argv[1], {.no_alloc = false, .ctx = &weights}), gguf_free);
  if (from == nullptr) give_up(std::string(argv[1]) + " is no model");
  const std::int64_t layers_key = gguf_find_key(from.get(), kLayers);
  if (layers_key < 0) give_up(std::string(argv[1]) + " is no model of Llama's architecture");
  const auto tensors = static_cast<std::size_t>(gguf_get_n_tensors(from.get()));
  ggml_context* const names =
      ggml_init({.mem_size = ggml_tensor_overhead() * tensors * static_cast<std::size_t>(times),
                 .mem_buffer = nullptr,
                 .no_alloc = true});
  const std::unique_ptr<gguf_context, decltype(&gguf_free)> to(gguf_init_empty(), gguf_free);
  gguf_set_kv(to.get(), from.get());
  gguf_set_val_u32(to.get(), kLayers,
                   gguf_get_val_u32(from.get(), layers_key) * static_cast<std::uint32_t>(times));
  for (ggml_tensor* tensor = ggml_get_first_tensor(weights); tensor != nullptr;
       tensor = ggml_get_next_tensor(weights, tensor)) {
    std::string rest;
    const std::string name = ggml_get_name(tensor);
    const int layer = layer_of(name, rest);
    if (layer < 0) {
      if (gguf_find_tensor(from.get(), name.c_str()) >= 0) add_copy(to.get(), names, tensor, name);
      continue;
    }
    for (int i = 0; i < times; ++i) {
      add_copy(to.get(), names, tensor, "blk." + std::to_string(layer * times + i) + rest);
    }
  }
  if (!gguf_write_to_file(to.get(), argv[3], /*only_meta=*/false)) {
    give_up(std::string(argv[3]) + " cannot be written");
  }
  ggml_free(names);
  ggml_free(weights);
  return 0;
}
