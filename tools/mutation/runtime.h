// What the rewritten sources of a mutation run call. Every mutant has a number; at most one of them
// is active in a process, and each notes that it was reached.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "base/result.h"

namespace mutation {

inline constexpr std::size_t kMaxMutants = 1U << 16U;
inline std::size_t active = 0;  // 0: none
inline std::array<std::uint8_t, kMaxMutants> reached{};
// A failure that cannot be turned into success because its function's type has no default value.
inline std::array<std::uint8_t, kMaxMutants> inert{};

constexpr bool on(std::size_t id) {
  if (std::is_constant_evaluated()) return false;
  reached[id] = 1;
  return active == id;
}

// The argument of TRY with its error ignored.
template <class T>
confide::Status ignore(std::size_t id, const confide::Result<T>& result) {
  if (on(id) || result) return {};
  return tl::unexpected<confide::Error>(result.error());
}

// A returned failure, or the default value in its place.
struct Failure {
  std::size_t id;
  tl::unexpected<confide::Error> error;

  template <class T>
  operator confide::Result<T>() && {  // NOLINT: it must convert where `fail()` did
    if constexpr (std::is_void_v<T>) {
      if (on(id)) return {};
    } else if constexpr (std::is_default_constructible_v<T>) {
      if (on(id)) return T{};
    } else {
      inert[id] = 1;
    }
    return confide::Result<T>(std::move(error));
  }
};

inline Failure failure(std::size_t id, tl::unexpected<confide::Error> error) {
  return {id, std::move(error)};
}

// While one stands, the next check that a verdict records passes.
inline bool quiet = false;
class Quiet {
 public:
  explicit Quiet(std::size_t id) : mine_(on(id)) { quiet = quiet || mine_; }
  ~Quiet() { quiet = quiet && !mine_; }

 private:
  bool mine_;
};
inline bool take_quiet() { return std::exchange(quiet, false); }
inline const confide::Status kPass;

// The four orderings, wrong at the boundary if the mutant is active.
constexpr bool less(std::size_t id, const auto& a, const auto& b) {
  return on(id) ? a <= b : a < b;
}
constexpr bool less_equal(std::size_t id, const auto& a, const auto& b) {
  return on(id) ? a < b : a <= b;
}
constexpr bool greater(std::size_t id, const auto& a, const auto& b) {
  return on(id) ? a >= b : a > b;
}
constexpr bool greater_equal(std::size_t id, const auto& a, const auto& b) {
  return on(id) ? a > b : a >= b;
}

}  // namespace mutation
