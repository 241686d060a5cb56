// Is this file a complete GGUF model? Asked before llama.cpp maps it.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace confide::engine {

// Reads the header and metadata at `path` (no tensor data). Fails with `malformed` if they do not
// parse or a tensor reaches beyond `size` bytes, the size of the file.
Status check_gguf(const std::string& path, std::uint64_t size);

}  // namespace confide::engine
