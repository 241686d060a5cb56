#include "proxy/history_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>

#include "crypto/random.h"
#include "ops/file_handle.h"

namespace confide::proxy {
namespace {

constexpr std::size_t kKeySize = 32;

tl::unexpected<Error> failure(const std::string& path) {
  return fail(Errc::unavailable,
              fmt::format("{}: {}", path, std::generic_category().message(errno)));
}

// Under another name first: a key file is there whole or not at all, whoever else starts now.
Status make_key(const std::string& path) {
  const std::string draft = fmt::format("{}.{}", path, to_hex(crypto::random_bytes(8)));
  const SecretBytes key = crypto::random_secret(kKeySize);
  {
    const ops::FileHandle file(
        ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file.is_open()) return failure(draft);
    if (::write(file.get(), key.reveal().data(), kKeySize) != ssize_t{kKeySize} ||
        ::fsync(file.get()) != 0) {
      return failure(draft);
    }
  }
  const bool linked = ::link(draft.c_str(), path.c_str()) == 0 || errno == EEXIST;
  const auto error = failure(path);
  ::unlink(draft.c_str());
  if (!linked) return error;
  return {};
}

}  // namespace

Result<SecretBytes> load_history_key(const std::string& path, bool may_make) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
    if (!may_make) {
      return fail(Errc::not_found,
                  path +
                      " is gone, and without it the history beside it cannot be read: put it "
                      "back, or move history.db away");
    }
    TRY(make_key(path));
  }
  const ops::FileHandle file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file.is_open()) return failure(path);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return failure(path);
  if (info.st_uid != ::geteuid() || (info.st_mode & 077U) != 0) {
    return fail(Errc::policy, path + " may be read by others: its mode must be 0600");
  }
  SecretBytes key(kKeySize);
  std::array<std::uint8_t, 1> more{};
  if (::read(file.get(), key.reveal().data(), kKeySize) != ssize_t{kKeySize} ||
      ::read(file.get(), more.data(), more.size()) != 0) {
    return fail(Errc::malformed, path + " is not a key of 32 bytes");
  }
  return key;
}

}  // namespace confide::proxy
