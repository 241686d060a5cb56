#include "engine/llama_guard.h"

#include <ggml.h>
#include <llama.h>
#include <log.h>

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <stdexcept>

namespace confide::engine {
namespace {

constexpr std::size_t kMaxReason = 300;

// Below every level of llama.cpp's common library, whose log quotes prompts and answers.
constexpr int kNothing = -1;

thread_local LlamaGuard* current = nullptr;

void on_log(ggml_log_level level, const char* text, void* /*user_data*/) {
  if (current != nullptr && level == GGML_LOG_LEVEL_ERROR) current->record(text);
}

// ggml aborts when this returns. Its callers are compiled with unwind tables, and llama.cpp's load
// functions catch what derives from std::exception, so throwing ends a load like any other error.
void on_assertion(const char* message) {
  if (current != nullptr) throw std::runtime_error(message);
  std::fprintf(stderr, "%s\n", message);
}

void install_handlers() {
  static std::once_flag once;
  std::call_once(once, [] {
    llama_log_set(on_log, nullptr);
    common_log_set_verbosity_thold(kNothing);
    ggml_set_abort_callback(on_assertion);
  });
}

}  // namespace

LlamaGuard::LlamaGuard() {
  install_handlers();
  current = this;
}

LlamaGuard::~LlamaGuard() { current = nullptr; }

std::string LlamaGuard::reason(const std::string& otherwise) const {
  std::string line = log_.substr(0, log_.find('\n'));
  if (line.empty()) return otherwise;
  // "llama_model_load: error loading model: ..." starts with the name of a C function.
  const std::size_t colon = line.find(": ");
  if (colon != std::string::npos && line.find(' ') > colon) line.erase(0, colon + 2);
  line.resize(std::min(line.size(), kMaxReason));
  // It may quote the file, whatever that holds.
  std::ranges::replace_if(line, [](char c) { return c < ' ' || c > '~'; }, '?');
  return line;
}

}  // namespace confide::engine
