#include "engine/machine.h"

#include <fmt/format.h>
#include <ggml-backend.h>
#include <llama.h>

#include <algorithm>
#include <string_view>
#include <thread>

namespace confide::engine {
namespace {

// "CPU : SSE3 = 1 | AVX2 = 1 | ... |" as "SSE3 AVX2 ...".
std::string compiled_for() {
  std::string out;
  std::string_view rest = llama_print_system_info();
  rest.remove_prefix(std::min(rest.find(" : ") + 3, rest.size()));
  while (!rest.empty()) {
    const std::size_t bar = std::min(rest.find('|'), rest.size());
    const std::string_view item = rest.substr(0, bar);
    const std::size_t name = std::min(item.find_first_not_of(' '), item.size());
    const std::size_t equals = item.find(" = 1");
    if (equals != std::string_view::npos) {
      out.append(" ").append(item.substr(name, equals - name));
    }
    rest.remove_prefix(std::min(bar + 1, rest.size()));
  }
  return out;
}

// " on" and the GPUs that models lie on, or nothing.
std::string computes_on() {
  std::string out;
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    ggml_backend_dev_t device = ggml_backend_dev_get(i);
    const auto type = ggml_backend_dev_type(device);
    if (type != GGML_BACKEND_DEVICE_TYPE_GPU && type != GGML_BACKEND_DEVICE_TYPE_IGPU) continue;
    out += fmt::format("{} {} ({})", out.empty() ? " on" : ",",
                       ggml_backend_dev_description(device), ggml_backend_dev_name(device));
  }
  return out;
}

}  // namespace

std::string engine_build() {
  return fmt::format("llama.cpp {} ({}){}{}", llama_version(), CONFIDE_LLAMA_PACKAGE,
                     compiled_for(), computes_on());
}

int compute_threads(int asked) {
  if (asked > 0) return asked;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace confide::engine
