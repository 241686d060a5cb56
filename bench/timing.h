// What the benchmarks written in C++ share.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/result.h"

namespace confide::bench {

// Whatever fails in a benchmark is a fault of the benchmark.
[[noreturn]] inline void give_up(std::string_view why) {
  fmt::print(stderr, "error: {}\n", why);
  std::exit(1);
}
template <class T>
T must(Result<T> result) {
  if (result) return *std::move(result);
  give_up(result.error().message);
}
inline void must(const Status& status) {
  if (!status) give_up(status.error().message);
}

inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

inline constexpr int kRounds = 9;

// Microseconds of one call: the mean over a round.
inline double one_round(const std::function<void()>& call) {
  constexpr std::chrono::milliseconds kRound{30};
  const auto begin = std::chrono::steady_clock::now();
  int calls = 0;
  std::chrono::steady_clock::duration spent{};
  do {
    call();
    ++calls;
    spent = std::chrono::steady_clock::now() - begin;
  } while (spent < kRound);
  return std::chrono::duration<double, std::micro>(spent).count() / calls;
}

}  // namespace confide::bench
