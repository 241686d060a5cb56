// The handful of file operations that Linux's TSM interface is made of. Tests put a kernel of their
// own behind them.
#pragma once

#include <string>

#include "base/bytes.h"

namespace confide::attest {

class LinuxFiles {
 public:
  virtual ~LinuxFiles() = default;
  // All fail with `not_found` or `unavailable`, naming the path. read() fails with `limit` if there
  // is more than `max`; write() hands all bytes over in one call, to a file that exists.
  virtual Result<Bytes> read(const std::string& path, std::size_t max) = 0;
  virtual Status write(const std::string& path, ByteView bytes) = 0;
  virtual Status make_directory(const std::string& path) = 0;
  virtual Status remove_directory(const std::string& path) = 0;
};

class RealFiles final : public LinuxFiles {
 public:
  Result<Bytes> read(const std::string& path, std::size_t max) override;
  Status write(const std::string& path, ByteView bytes) override;
  Status make_directory(const std::string& path) override;
  Status remove_directory(const std::string& path) override;
};

}  // namespace confide::attest
