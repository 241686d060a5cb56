// For tests: recorded evidence, where a checkout has it.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace confide::attest::testing {

// The bytes of a file below the folder of recorded evidence, or nothing if it is not there.
inline std::optional<Bytes> vector_file(const std::string& path) {
  std::ifstream in(std::filesystem::path(CONFIDE_VECTORS) / path, std::ios::binary);
  if (!in) return std::nullopt;
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

}  // namespace confide::attest::testing
