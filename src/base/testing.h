// For tests only.
#pragma once

#include <optional>

#include "base/result.h"

namespace confide {

// How `result` failed; nothing if it did not.
template <class T>
std::optional<Errc> refusal(const Result<T>& result) {
  if (result) return std::nullopt;
  return result.error().code;
}

}  // namespace confide
