// For the tests of this module: the real model, where it has been fetched.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "engine/model_file.h"

namespace confide::engine {

constexpr const char* kTestModel = CONFIDE_MODELS "/SmolLM2-135M-Instruct.Q4_1.gguf";

inline Result<ModelFile> load_file(const std::string& path) {
  return ModelFile::load(path, [](ByteView) {}, [](std::uint64_t, std::uint64_t) {});
}

}  // namespace confide::engine
