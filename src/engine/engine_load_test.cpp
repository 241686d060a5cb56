// Files that are no model, or no longer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/test_model.h"

namespace confide::engine {
namespace {

using ::testing::HasSubstr;

// Copies of the model, each with a field or two spoiled.
class SpoiltModelTest : public RealModelTest {
 protected:
  void SetUp() override {
    RealModelTest::SetUp();
    if (IsSkipped()) return;
    path_ = ::testing::TempDir() + "confide-spoilt-" + std::to_string(getpid()) + ".gguf";
    std::filesystem::copy_file(kTestModel, path_,
                               std::filesystem::copy_options::overwrite_existing);
    std::ifstream in(path_, std::ios::binary);
    head_.resize(std::size_t{2} << 20U);
    in.read(head_.data(), static_cast<std::streamsize>(head_.size()));
  }
  void TearDown() override {
    if (!path_.empty()) std::filesystem::remove(path_);
  }

  // Overwrites bytes at `skip` behind the first occurrence of `name`, or puts the old ones back.
  void patch(std::string_view name, std::size_t skip, std::string_view bytes) const {
    const std::size_t at = head_.find(name) + name.size() + skip;
    write(at, bytes);
  }
  void restore() const { write(0, head_); }

  Status load() const {
    TRY_ASSIGN(const ModelFile file, load_file(path_));
    TRY_ASSIGN(const auto engine,
               Engine::load(file, {.slots = 1, .context_per_slot = 256, .threads = 1, .queue = 0}));
    return {};
  }
  void expect_refused(const std::string& reason) const {
    const Status loaded = load();
    ASSERT_FALSE(loaded) << reason;
    EXPECT_EQ(loaded.error().code, Errc::malformed);
    EXPECT_THAT(loaded.error().message, HasSubstr(reason));
  }

  std::string path_;

 private:
  void write(std::size_t at, std::string_view bytes) const {
    std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(at));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  std::string head_;
};

constexpr std::size_t kType = 4;  // bytes of a value's type, between its name and the value

TEST_F(SpoiltModelTest, SpoiltFieldsAreRefusedWithAReason) {
  struct Case {
    const char* name;
    std::size_t skip;
    std::string bytes;
    const char* reason;
  };
  const std::string most(4, '\xFF');
  const std::string none(4, '\0');
  const std::vector<Case> cases = {
      {"llama.block_count", kType, most, "n_layer"},  // an assertion of llama.cpp's
      {"llama.block_count", kType, none, "n_layer"},
      {"llama.block_count", kType, std::string("\x1F\0\0\0", 4), "not found"},
      {"llama.context_length", kType, most, "context length"},
      {"llama.context_length", kType, none, "context length"},
      {"llama.embedding_length", kType, most, "error loading model"},
      {"llama.attention.head_count", kType, none, ""},
      {"llama.rope.dimension_count", kType, most, "n_rot"},
      {"general.architecture", kType + 8, "xxxxx", "unknown model architecture"},
      {"tokenizer.ggml.model", kType + 8, "gpt9", "tokenizer"},
      {"tokenizer.ggml.tokens", 0, most, "GGUF header"},
      {"tokenizer.ggml.tokens", kType + 4, most, "GGUF header"},
      {"token_embd.weight", 0, most, "GGUF header"},
      {"token_embd.weight", kType, most, ""},
      {"token_embd.weight", kType + 16, most, "GGUF header"},
  };
  for (const Case& c : cases) {
    patch(c.name, c.skip, c.bytes);
    expect_refused(c.reason);
    restore();
  }
  EXPECT_TRUE(load());
}

TEST_F(SpoiltModelTest, TruncatedModelIsRefused) {
  const std::uintmax_t size = std::filesystem::file_size(path_);
  for (const std::uintmax_t left :
       {size - 1, size - 4096, size / 2, std::uintmax_t{2} << 20U, std::uintmax_t{1780000},
        std::uintmax_t{900000}, std::uintmax_t{5000}, std::uintmax_t{24}}) {
    std::filesystem::resize_file(path_, left);
    expect_refused("GGUF");
  }
}

}  // namespace
}  // namespace confide::engine
