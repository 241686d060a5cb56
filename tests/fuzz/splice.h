// Edits genuine evidence as a fuzzer's bytes say: most of it stays genuine, so that what is spoiled
// is met by the checks behind the parsers too.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.h"

namespace confide::fuzz {

// The fuzzer's bytes, one after another; zeros once they are used up.
class Script {
 public:
  explicit Script(ByteView bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t out = rest_.front();
    rest_ = rest_.subspan(1);
    return out;
  }
  // Below `limit`, or 0.
  std::size_t below(std::size_t limit) {
    const std::size_t high = byte();
    const std::size_t number = high << 8U | byte();
    return limit == 0 ? 0 : number % limit;
  }
  Bytes take(std::size_t n) {
    const ByteView out = rest_.first(std::min(n, rest_.size()));
    rest_ = rest_.subspan(out.size());
    return to_bytes(out);
  }

 private:
  ByteView rest_;
};

inline void overwrite(Bytes& part, std::size_t at, const Bytes& with) {
  const std::size_t n = std::min(with.size(), part.size() - at);
  std::copy_n(with.begin(), n, part.begin() + static_cast<std::ptrdiff_t>(at));
}

// One edit: which part, where, what.
inline void edit_once(Script& script, std::span<Bytes> parts) {
  Bytes& part = parts[script.byte() % parts.size()];
  const std::uint8_t operation = script.byte() % 7;
  const std::size_t at = script.below(part.size());
  const auto here = part.begin() + static_cast<std::ptrdiff_t>(at);
  if (operation == 0 && !part.empty()) {
    *here = static_cast<std::uint8_t>(*here ^ script.byte());
  } else if (operation == 1) {
    overwrite(part, at, script.take(script.byte() % 16U));
  } else if (operation == 2) {
    part.resize(at);
  } else if (operation == 3) {
    const std::size_t n = std::min<std::size_t>(script.byte(), part.size() - at);
    part.erase(here, here + static_cast<std::ptrdiff_t>(n));
  } else if (operation == 4) {
    const Bytes more = script.take(script.byte() % 64U);
    part.insert(here, more.begin(), more.end());
  } else if (operation == 5) {
    part = parts[script.byte() % parts.size()];
  } else {
    const Bytes other = parts[script.byte() % parts.size()];
    const std::size_t from = script.below(other.size());
    overwrite(part, at, Bytes(other.begin() + static_cast<std::ptrdiff_t>(from), other.end()));
  }
}

// At most eight edits.
inline void edit(ByteView script, std::span<Bytes> parts) {
  Script rest(script);
  for (int i = 0; i < 8 && !rest.empty(); ++i) edit_once(rest, parts);
}

inline std::string text_of(const Bytes& bytes) { return std::string(as_text(bytes)); }

}  // namespace confide::fuzz
