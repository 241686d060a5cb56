// llama.cpp logs and aborts for the whole process. A guard makes both the business of one thread:
// what is logged while it stands can be asked for, and a failed assertion becomes an exception.
#pragma once

#include <string>

namespace confide::engine {

// For the calling thread, while in scope; guards do not nest. Outside any guard llama.cpp is
// silent, and a failed assertion still aborts.
class LlamaGuard {
 public:
  LlamaGuard();
  ~LlamaGuard();
  LlamaGuard(const LlamaGuard&) = delete;
  LlamaGuard& operator=(const LlamaGuard&) = delete;

  // The first error logged since construction, on one line; `otherwise` if there is none.
  std::string reason(const std::string& otherwise) const;
  void record(const char* text) { log_ += text; }

 private:
  std::string log_;
};

}  // namespace confide::engine
