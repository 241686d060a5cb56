// Wipes a buffer when a scope ends, however it ends.
#pragma once

#include "base/secret.h"

namespace confide {

// `Buffer` is Bytes or std::string; it outlives the guard. One that was moved from is empty, so
// what was handed on stays as it is.
template <class Buffer>
class WipeOnExit {
 public:
  explicit WipeOnExit(Buffer& buffer) noexcept : buffer_(buffer) {}
  ~WipeOnExit() { wipe(buffer_); }
  WipeOnExit(const WipeOnExit&) = delete;
  WipeOnExit& operator=(const WipeOnExit&) = delete;

 private:
  Buffer& buffer_;
};

}  // namespace confide
