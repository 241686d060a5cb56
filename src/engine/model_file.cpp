#include "engine/model_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "engine/gguf_check.h"

namespace confide::engine {
namespace {

constexpr std::uint64_t kChunk = std::uint64_t{4} << 20U;  // bytes a step
constexpr std::string_view kMagic = "GGUF";

using Progress = std::function<void(std::uint64_t, std::uint64_t)>;

std::string errno_text(int error) { return std::generic_category().message(error); }

class Fd {
 public:
  explicit Fd(int fd) noexcept : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&&) = delete;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;

  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// The whole of a sealed file, mapped for reading.
class Mapping {
 public:
  Mapping(void* at, std::size_t size) noexcept : at_(at), size_(size) {}
  ~Mapping() { munmap(at_, size_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  ByteView bytes() const noexcept { return {static_cast<const std::uint8_t*>(at_), size_}; }

 private:
  void* at_;
  std::size_t size_;
};

struct Source {
  Fd fd;
  std::uint64_t size = 0;
};

Result<Source> open_source(const std::string& path) {
  // O_NONBLOCK: a named pipe must not hang us before we see that it is one.
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) {
    const bool absent = errno == ENOENT || errno == ENOTDIR;
    return fail(absent ? Errc::not_found : Errc::unavailable,
                fmt::format("{}: {}", path, errno_text(errno)));
  }
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) {
    return fail(Errc::unavailable, fmt::format("{}: {}", path, errno_text(errno)));
  }
  if (S_ISDIR(info.st_mode)) return fail(Errc::malformed, path + ": is a directory");
  if (!S_ISREG(info.st_mode)) return fail(Errc::malformed, path + ": is not a regular file");
  if (info.st_size == 0) return fail(Errc::malformed, path + ": is empty");
  return Source{.fd = std::move(fd), .size = static_cast<std::uint64_t>(info.st_size)};
}

Status check_magic(const Source& source, const std::string& path) {
  std::string magic(kMagic.size(), '\0');
  const ssize_t got = pread(source.fd.get(), magic.data(), magic.size(), 0);
  if (got < 0) return fail(Errc::unavailable, fmt::format("{}: {}", path, errno_text(errno)));
  if (magic != kMagic) return fail(Errc::malformed, path + ": not a GGUF file");
  return {};
}

// Inside the kernel: the bytes do not pass through our address space.
Status copy(const Source& source, int to, const std::string& path, const Progress& on_progress) {
  std::uint64_t done = 0;
  while (done < source.size) {
    const std::size_t want = std::min(kChunk, source.size - done);
    const ssize_t got = sendfile(to, source.fd.get(), nullptr, want);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Errc::unavailable, fmt::format("{}: {}", path, errno_text(errno)));
    if (got == 0) return fail(Errc::unavailable, path + ": shrank while it was read");
    done += static_cast<std::uint64_t>(got);
    on_progress(done / 2, source.size);
  }
  return {};
}

Status seal(int fd) {
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    return fail(Errc::internal, "sealing the model's memory: " + errno_text(errno));
  }
  return {};
}

// After sealing: what is shown here is what every later reader of the file gets.
Status show(int fd, std::uint64_t size, const std::function<void(ByteView)>& on_bytes,
            const Progress& on_progress) {
  void* at = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (at == MAP_FAILED) {
    return fail(Errc::unavailable, "mapping the model: " + errno_text(errno));
  }
  const Mapping mapping(at, size);
  for (std::uint64_t done = 0; done < size;) {
    const std::size_t step = std::min(kChunk, size - done);
    on_bytes(mapping.bytes().subspan(done, step));
    done += step;
    on_progress(size / 2 + done / 2, size);
  }
  on_progress(size, size);
  return {};
}

std::string name_of(const std::string& path) {
  const std::filesystem::path file = std::filesystem::path(path).filename();
  return file.extension() == ".gguf" ? file.stem().string() : file.string();
}

}  // namespace

Result<std::uint64_t> ModelFile::check(const std::string& path) {
  TRY_ASSIGN(const Source source, open_source(path));
  TRY(check_magic(source, path));
  TRY(check_gguf(path, source.size));
  return source.size;
}

Result<ModelFile> ModelFile::load(const std::string& path,
                                  const std::function<void(ByteView)>& on_bytes,
                                  const Progress& on_progress) {
  TRY_ASSIGN(const Source source, open_source(path));
  TRY(check_magic(source, path));
  const int fd = memfd_create("confide-model", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return fail(Errc::unavailable, "memory for the model: " + errno_text(errno));
  ModelFile file(fd, source.size, name_of(path));
  TRY(copy(source, fd, path, on_progress));
  TRY(seal(fd));
  if (auto good = check_gguf(file.path(), file.size()); !good) {
    return fail(good.error().code, path + ": " + good.error().message);
  }
  TRY(show(fd, file.size(), on_bytes, on_progress));
  return file;
}

ModelFile::ModelFile(int fd, std::uint64_t size, std::string name)
    : fd_(fd), size_(size), name_(std::move(name)) {}

ModelFile::ModelFile(ModelFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), size_(other.size_), name_(std::move(other.name_)) {}

ModelFile& ModelFile::operator=(ModelFile&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) close(fd_);
    fd_ = std::exchange(other.fd_, -1);
    size_ = other.size_;
    name_ = std::move(other.name_);
  }
  return *this;
}

ModelFile::~ModelFile() {
  if (fd_ >= 0) close(fd_);
}

std::string ModelFile::path() const { return fmt::format("/proc/self/fd/{}", fd_); }

}  // namespace confide::engine
