#include "store/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace confide::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPending = ".pending-";
constexpr std::string_view kUnlocked = ".new-";  // until the lock is taken nobody may adopt it

tl::unexpected<Error> failure(const std::string& path) {
  return fail(Errc::unavailable,
              fmt::format("{}: {}", path, std::generic_category().message(errno)));
}

}  // namespace

Result<Journal> Journal::create(const std::string& path) {
  std::string unlocked = fmt::format("{}{}XXXXXX", path, kUnlocked);
  const int fd = ::mkostemp(unlocked.data(), O_APPEND | O_CLOEXEC);  // of mode 0600
  if (fd < 0) return failure(unlocked);
  Journal out(fd, unlocked);
  std::string pending = unlocked;
  pending.replace(path.size(), kUnlocked.size(), kPending);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 || std::rename(unlocked.c_str(), pending.c_str()) != 0) {
    return failure(unlocked);
  }
  out.path_ = std::move(pending);
  return out;
}

Result<std::vector<Journal>> Journal::orphans(const std::string& path) {
  const fs::path database(path);
  const std::string prefix = database.filename().string() + std::string(kPending);
  std::error_code error;
  fs::directory_iterator entries(fs::absolute(database).parent_path(), error);
  std::vector<Journal> out;
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    if (!entries->path().filename().string().starts_with(prefix)) continue;
    const std::string name = entries->path().string();
    const int fd = ::open(name.c_str(), O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
      if (errno == ENOENT) continue;  // its process ended properly just now
      return failure(name);
    }
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {  // its process lives
      ::close(fd);
      continue;
    }
    Journal journal(fd, name);
    struct stat status{};
    if (::fstat(fd, &status) != 0) return failure(name);
    journal.size_ = static_cast<std::size_t>(status.st_size);
    out.push_back(std::move(journal));
  }
  if (error) return fail(Errc::unavailable, fmt::format("{}: {}", path, error.message()));
  return out;
}

Journal::Journal(Journal&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), size_(other.size_) {}

Journal& Journal::operator=(Journal&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
    path_ = std::move(other.path_);
    size_ = other.size_;
  }
  return *this;
}

Journal::~Journal() { close(); }

void Journal::close() noexcept {
  if (fd_ < 0) return;
  if (size_ == 0) ::unlink(path_.c_str());
  ::close(fd_);
  fd_ = -1;
}

Status Journal::append(std::string_view line) {
  std::string text(line);
  text += '\n';
  const ssize_t written = ::write(fd_, text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size())) {
    size_ += text.size();
    return {};
  }
  if (written >= 0) errno = ENOSPC;
  const auto error = failure(path_);
  // What there is of it would spoil the next line.
  if (::ftruncate(fd_, static_cast<off_t>(size_)) != 0) return failure(path_);
  return error;
}

Status Journal::clear() {
  if (::ftruncate(fd_, 0) != 0) return failure(path_);
  size_ = 0;
  return {};
}

Result<std::vector<std::string>> Journal::lines() const {
  std::string text(size_, '\0');
  std::size_t read = 0;
  while (read < size_) {
    const ssize_t n = ::pread(fd_, text.data() + read, size_ - read, static_cast<off_t>(read));
    if (n <= 0) return failure(path_);
    read += static_cast<std::size_t>(n);
  }
  std::vector<std::string> out;
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    out.push_back(text.substr(begin, end - begin));
  }
  return out;
}

}  // namespace confide::store
