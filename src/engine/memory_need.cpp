#include "engine/memory_need.h"

#include <fit.h>
#include <fmt/format.h>
#include <llama.h>

#include <exception>
#include <limits>
#include <vector>

#include "engine/llama_guard.h"
#include "ops/free_memory.h"

namespace confide::engine {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;

struct Measured {
  std::uint64_t bytes = 0;
  int trained_context = 0;
};

Result<Measured> measure(const ModelFile& file, const LlamaContext::Shape& shape, int trained) {
  TRY_ASSIGN(const llama_context_params context, LlamaContext::params(shape, trained));
  const llama_model_params model = llama_model_default_params();
  std::vector<ggml_backend_dev_t> devices;
  std::uint32_t layers = 0;
  std::uint32_t trained_context = 0;
  std::uint32_t experts = 0;
  const common_device_memory_data_vec found =
      common_get_device_memory_data(file.path().c_str(), &model, &context, devices, layers,
                                    trained_context, experts, GGML_LOG_LEVEL_ERROR);
  const common_device_memory_data& host = found.back();
  // What is not used as it stands in the file is copied.
  const std::uint64_t copied = file.size() > host.model ? file.size() - host.model : 0;
  return Measured{.bytes = copied + host.context + host.compute,
                  .trained_context = static_cast<int>(trained_context)};
}

}  // namespace

Result<std::uint64_t> memory_need(const ModelFile& file, const LlamaContext::Shape& shape) {
  const LlamaGuard guard;
  try {
    TRY_ASSIGN(Measured measured, measure(file, shape, std::numeric_limits<int>::max()));
    if (measured.trained_context < shape.context) {
      TRY_ASSIGN(measured, measure(file, shape, measured.trained_context));
    }
    return measured.bytes;
  } catch (const std::exception& e) {
    return fail(Errc::malformed, fmt::format("{}: {}", file.name(), guard.reason(e.what())));
  }
}

Status check_memory(const ModelFile& file, const LlamaContext::Shape& shape) {
  TRY_ASSIGN(const std::uint64_t need, memory_need(file, shape));
  const std::uint64_t free = ops::free_memory();
  if (need <= free) return {};
  return fail(
      Errc::unavailable,
      fmt::format("{} needs {} MiB of memory besides its file, and {} MiB are free: ask for "
                  "less --context or fewer --slots",
                  file.name(), need / kMiB + 1, free / kMiB));
}

}  // namespace confide::engine
