#include "engine/gguf_check.h"

#include <fmt/format.h>
#include <gguf.h>

#include <exception>
#include <memory>

#include "engine/llama_guard.h"

namespace confide::engine {
namespace {

struct FreeGguf {
  void operator()(gguf_context* p) const noexcept { gguf_free(p); }
};
using Gguf = std::unique_ptr<gguf_context, FreeGguf>;

Result<Gguf> parse(const std::string& path) {
  const LlamaGuard guard;
  try {
    Gguf gguf(gguf_init_from_file(path.c_str(), {.no_alloc = true, .ctx = nullptr}));
    if (gguf != nullptr) return gguf;
  } catch (const std::exception& e) {
    return fail(Errc::malformed, fmt::format("GGUF header: {}", e.what()));
  }
  return fail(Errc::malformed, "GGUF header: " + guard.reason("does not parse"));
}

}  // namespace

Status check_gguf(const std::string& path, std::uint64_t size) {
  TRY_ASSIGN(const Gguf gguf, parse(path));
  const std::int64_t tensors = gguf_get_n_tensors(gguf.get());
  if (tensors == 0) return fail(Errc::malformed, "GGUF file without tensors");
  const std::uint64_t data = gguf_get_data_offset(gguf.get());
  if (data > size) return fail(Errc::malformed, "GGUF file ends before its tensors");
  for (std::int64_t i = 0; i < tensors; ++i) {
    const std::uint64_t offset = gguf_get_tensor_offset(gguf.get(), i);
    const std::uint64_t length = gguf_get_tensor_size(gguf.get(), i);
    if (offset > size - data || length > size - data - offset) {
      return fail(Errc::malformed,
                  fmt::format("GGUF file is truncated or corrupt: tensor {} of {} reaches beyond "
                              "its end",
                              i + 1, tensors));
    }
  }
  return {};
}

}  // namespace confide::engine
