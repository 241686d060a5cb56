// For what no input can cause (out of memory, a broken library): there is no safe way on.
#pragma once

#include <cstdlib>

namespace confide::crypto {

inline void must(bool ok) noexcept {
  if (!ok) std::abort();
}

}  // namespace confide::crypto
