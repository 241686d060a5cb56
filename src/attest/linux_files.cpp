#include "attest/linux_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "ops/file_handle.h"

namespace confide::attest {

using ops::FileHandle;
using ops::system_failure;

Result<Bytes> RealFiles::read(const std::string& path, std::size_t max) {
  const FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return system_failure("open", path);
  Bytes out;
  std::array<std::uint8_t, 4096> chunk{};
  while (true) {
    const ssize_t n = ::read(file.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure("read", path);
    if (n == 0) return out;
    append(out, ByteView(chunk).first(static_cast<std::size_t>(n)));
    if (out.size() > max) return fail(Errc::limit, path + " is too long");
  }
}

Status RealFiles::write(const std::string& path, ByteView bytes) {
  const FileHandle file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open()) return system_failure("open", path);
  ssize_t n = -1;
  do {
    n = ::write(file.get(), bytes.data(), bytes.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) return system_failure("write", path);
  // An attribute takes its value whole: half of one is not to be completed by a second call.
  if (static_cast<std::size_t>(n) != bytes.size()) return fail(Errc::unavailable, "write " + path);
  return {};
}

Status RealFiles::make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0) return system_failure("make", path);
  return {};
}

Status RealFiles::remove_directory(const std::string& path) {
  if (::rmdir(path.c_str()) != 0) return system_failure("remove", path);
  return {};
}

}  // namespace confide::attest
