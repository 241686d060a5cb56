// For the tests of this module: the real model, where it has been fetched.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "engine/llama_model.h"
#include "engine/model_file.h"

namespace confide::engine {

constexpr const char* kTestModel = CONFIDE_MODELS "/SmolLM2-135M-Instruct.Q4_1.gguf";

inline Result<ModelFile> load_file(const std::string& path) {
  return ModelFile::load(path, [](ByteView) {}, [](std::uint64_t, std::uint64_t) {});
}

// Skipped where it has not been fetched.
class RealModelTest : public ::testing::Test {
 protected:
  static bool has_model() { return std::filesystem::exists(kTestModel); }
  static ModelFile model_file() { return load_file(kTestModel).value(); }

  void SetUp() override {
    if (!has_model()) GTEST_SKIP() << "SKIPPED: no model at " << kTestModel;
  }
};

// With its weights and vocabulary, loaded once for all tests of the suite.
class LoadedModelTest : public RealModelTest {
 protected:
  static void SetUpTestSuite() {
    if (has_model()) model_ = std::make_unique<LlamaModel>(LlamaModel::load(model_file()).value());
  }
  static void TearDownTestSuite() { model_.reset(); }

  inline static std::unique_ptr<LlamaModel> model_;
};

}  // namespace confide::engine
