#include "engine/model_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/testing/temp_folder.h"

namespace confide::engine {
namespace {

using ::testing::HasSubstr;

void put_u32(Bytes& to, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void put_u64(Bytes& to, std::uint64_t value) {
  put_u32(to, static_cast<std::uint32_t>(value));
  put_u32(to, static_cast<std::uint32_t>(value >> 32U));
}

void put_string(Bytes& to, std::string_view text) {
  put_u64(to, text.size());
  append(to, as_bytes(text));
}

// A small whole GGUF file, byte by byte, so that each field can be spoiled.
struct TinyGguf {
  std::string architecture = "llama";
  std::uint64_t elements = 64;      // 32-bit floats in the one tensor
  std::uint64_t tensor_offset = 0;  // into the data
  std::uint64_t data_bytes = 256;   // really there

  Bytes bytes() const {
    constexpr std::uint32_t kVersion = 3;
    constexpr std::uint32_t kString = 8;
    constexpr std::uint32_t kFloat32 = 0;
    constexpr std::size_t kAlignment = 32;
    Bytes out = to_bytes(as_bytes("GGUF"));
    put_u32(out, kVersion);
    put_u64(out, 1);  // tensors
    put_u64(out, 1);  // metadata
    put_string(out, "general.architecture");
    put_u32(out, kString);
    put_string(out, architecture);
    put_string(out, "token_embd.weight");
    put_u32(out, 1);  // dimensions
    put_u64(out, elements);
    put_u32(out, kFloat32);
    put_u64(out, tensor_offset);
    out.resize((out.size() + kAlignment - 1) / kAlignment * kAlignment);
    out.resize(out.size() + data_bytes);
    return out;
  }
};

class ModelFileTest : public ::testing::Test {
 protected:
  std::string write(const Bytes& bytes, const std::string& name = "tiny.gguf") const {
    std::ofstream(folder_ / name, std::ios::binary) << as_text(bytes);
    return folder_ / name;
  }

  Result<ModelFile> load(const std::string& path) {
    return ModelFile::load(
        path, [this](ByteView bytes) { append(shown_, bytes); },
        [this](std::uint64_t done, std::uint64_t all) { progress_.emplace_back(done, all); });
  }

  void expect_refused(const std::string& path, Errc code, const std::string& reason) {
    const auto file = load(path);
    ASSERT_FALSE(file) << path;
    EXPECT_EQ(file.error().code, code) << file.error().message;
    EXPECT_THAT(file.error().message, HasSubstr(reason));
    EXPECT_TRUE(shown_.empty());
  }

  TempFolder temp_;
  const std::filesystem::path folder_ = temp_.path();
  Bytes shown_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> progress_;
};

TEST_F(ModelFileTest, ShowsTheBytesThatItKeeps) {
  const Bytes bytes = TinyGguf().bytes();
  const auto file = load(write(bytes));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(shown_, bytes);
  EXPECT_EQ(file->size(), bytes.size());
  EXPECT_EQ(file->name(), "tiny");
  std::ifstream again(file->path(), std::ios::binary);
  const std::string kept((std::istreambuf_iterator<char>(again)), {});
  EXPECT_EQ(to_bytes(as_bytes(kept)), bytes);
  ASSERT_FALSE(progress_.empty());
  EXPECT_EQ(progress_.back(), std::make_pair(bytes.size(), bytes.size()));
}

TEST_F(ModelFileTest, NobodyCanChangeItAfterwards) {
  const auto file = load(write(TinyGguf().bytes()));
  ASSERT_TRUE(file);
  const char byte = 'x';
  EXPECT_EQ(pwrite(file->fd(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(ftruncate(file->fd(), 0), -1);
  EXPECT_EQ(mmap(nullptr, file->size(), PROT_WRITE, MAP_SHARED, file->fd(), 0), MAP_FAILED);
  const int again = open(file->path().c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(again, 0);
  EXPECT_EQ(pwrite(again, &byte, 1, 0), -1);
  close(again);
}

TEST_F(ModelFileTest, ChangeOnDiskDoesNotReachIt) {
  const Bytes bytes = TinyGguf().bytes();
  const std::string path = write(bytes);
  const auto file = load(path);
  ASSERT_TRUE(file);
  write(Bytes(bytes.size(), 0xFF));
  std::ifstream again(file->path(), std::ios::binary);
  EXPECT_EQ(std::string((std::istreambuf_iterator<char>(again)), {}), as_text(bytes));
}

TEST_F(ModelFileTest, MissingFile) {
  expect_refused(folder_ / "none.gguf", Errc::not_found, "none.gguf");
  expect_refused(write({'x'}, "file") + "/none.gguf", Errc::not_found, "none.gguf");
}

TEST_F(ModelFileTest, NotARegularFile) {
  expect_refused(folder_, Errc::malformed, "is a directory");
  const std::string pipe = folder_ / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  expect_refused(pipe, Errc::malformed, "not a regular file");
}

TEST_F(ModelFileTest, EmptyOrForeign) {
  expect_refused(write({}), Errc::malformed, "is empty");
  expect_refused(write({'G', 'G', 'U'}), Errc::malformed, "not a GGUF file");
  expect_refused(write(Bytes(4096, 'x')), Errc::malformed, "not a GGUF file");
}

TEST_F(ModelFileTest, EveryTruncationIsRefused) {
  const Bytes whole = TinyGguf().bytes();
  for (std::size_t n = 4; n < whole.size(); n += 3) {
    shown_.clear();
    const auto file = load(write(Bytes(whole.begin(), whole.begin() + static_cast<long>(n))));
    ASSERT_FALSE(file) << n;
    EXPECT_EQ(file.error().code, Errc::malformed);
    EXPECT_TRUE(shown_.empty());
  }
}

TEST_F(ModelFileTest, TensorBeyondTheEnd) {
  expect_refused(write(TinyGguf{.elements = 65}.bytes()), Errc::malformed, "reaches beyond");
  expect_refused(write(TinyGguf{.elements = std::uint64_t{1} << 62U}.bytes()), Errc::malformed, "");
  expect_refused(write(TinyGguf{.tensor_offset = 32}.bytes()), Errc::malformed, "");
  expect_refused(write(TinyGguf{.tensor_offset = ~std::uint64_t{31}}.bytes()), Errc::malformed, "");
}

TEST_F(ModelFileTest, MoveLeavesNothingOpen) {
  auto file = load(write(TinyGguf().bytes()));
  ASSERT_TRUE(file);
  const int fd = file->fd();
  {
    ModelFile other = *std::move(file);
    EXPECT_EQ(other.fd(), fd);
  }
  EXPECT_EQ(fcntl(fd, F_GETFD), -1);
  EXPECT_EQ(errno, EBADF);
}

}  // namespace
}  // namespace confide::engine
