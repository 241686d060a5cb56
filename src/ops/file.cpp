#include "ops/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace confide::ops {
namespace {

std::string folder_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

Status write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Errc::unavailable, std::generic_category().message(errno));
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Status write_new(const std::string& path, const std::string& text) {
  const FileHandle file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) return system_failure("cannot create", path);
  TRY(write_all(file.get(), text));
  if (::fsync(file.get()) != 0) return system_failure("cannot write", path);
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t max_bytes) {
  const FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) return system_failure("cannot read", path);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return system_failure("cannot read", path);
  if (!S_ISREG(info.st_mode)) return fail(Errc::unavailable, path + " is no regular file");
  std::string out;
  char buffer[1 << 14];
  while (out.size() <= max_bytes) {
    const ssize_t n = ::read(file.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure("cannot read", path);
    if (n == 0) return out;
    out.append(buffer, static_cast<std::size_t>(n));
  }
  return fail(Errc::limit, path + " is too large");
}

Result<FileHandle> lock_folder_of(const std::string& path) {
  const std::string folder = folder_of(path);
  FileHandle handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!handle.is_open()) return system_failure("cannot open", folder);
  if (::flock(handle.get(), LOCK_EX) != 0) return system_failure("cannot lock", folder);
  return handle;
}

Status replace_file(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  Status replaced = write_new(fresh, text);
  if (replaced && ::rename(fresh.c_str(), path.c_str()) != 0) {
    replaced = system_failure("cannot replace", path);
  }
  if (!replaced) {
    ::unlink(fresh.c_str());
    return replaced;
  }
  const FileHandle folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open() || ::fsync(folder.get()) != 0) return system_failure("cannot write", path);
  return {};
}

}  // namespace confide::ops
