// A model file as the engine will really use it: sealed in memory, so that what was hashed is what
// runs, whatever the disk says later.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace confide::engine {

// Owns a sealed memfd with the file's bytes; nobody can write to it any more.
class ModelFile {
 public:
  // Copies `path` into memory, seals it, and only then shows `on_bytes` every byte in order (the
  // caller hashes there). `on_progress` gets bytes done and bytes in all, over both passes. Fails
  // with `not_found`, `malformed` if it is no regular file, no GGUF file or shorter than its
  // tensors, `unavailable` on read errors or if memory lacks. `on_bytes` sees nothing of a file
  // that is refused.
  static Result<ModelFile> load(
      const std::string& path, const std::function<void(ByteView)>& on_bytes,
      const std::function<void(std::uint64_t, std::uint64_t)>& on_progress);
  // Whether load() would take it, as far as its header tells: nothing is copied. Returns its size.
  static Result<std::uint64_t> check(const std::string& path);
  ModelFile(ModelFile&& other) noexcept;
  ModelFile& operator=(ModelFile&& other) noexcept;
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;
  ~ModelFile();

  int fd() const noexcept { return fd_; }
  std::uint64_t size() const noexcept { return size_; }
  // What llama.cpp opens: /proc/self/fd/N.
  std::string path() const;
  const std::string& name() const noexcept { return name_; }  // file name without .gguf

 private:
  ModelFile(int fd, std::uint64_t size, std::string name);
  int fd_ = -1;
  std::uint64_t size_ = 0;
  std::string name_;
};

}  // namespace confide::engine
