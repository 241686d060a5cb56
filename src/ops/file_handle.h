// An open file descriptor that closes itself, and errno as an Error.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/result.h"

namespace confide::ops {

class FileHandle {
 public:
  explicit FileHandle(int fd) noexcept : fd_(fd) {}
  FileHandle(FileHandle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileHandle& operator=(FileHandle&&) = delete;
  ~FileHandle() {
    if (fd_ >= 0) ::close(fd_);
  }

  bool is_open() const noexcept { return fd_ >= 0; }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

// For the system call that has just failed: `not_found` if nothing is there, else `unavailable`.
inline tl::unexpected<Error> system_failure(std::string_view doing, const std::string& path) {
  const int code = errno;
  return fail(code == ENOENT ? Errc::not_found : Errc::unavailable,
              fmt::format("{} {}: {}", doing, path, std::generic_category().message(code)));
}

}  // namespace confide::ops
