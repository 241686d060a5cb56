#include "attest/sim_root.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "attest/sim_platform.h"
#include "crypto/x509_issue.h"
#include "ops/file_handle.h"
#include "ops/log.h"

namespace confide::attest {

using ops::FileHandle;
using ops::system_failure;
namespace {

using std::chrono::days;
using std::chrono::hours;

constexpr const char* kLockFile = "sim-root.lock";
constexpr std::size_t kMaxFile = 8192;
constexpr days kValidity{20 * 365};
constexpr hours kClockSkew{1};  // a verifier's clock may be behind

std::string in_folder(const std::string& folder, const char* name) {
  return fmt::format("{}/{}", folder, name);
}

Result<FileHandle> lock_folder(const std::string& folder) {
  if (folder.empty())
    return fail(Errc::unavailable, "the simulator needs a state folder (--state)");
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return system_failure("make", folder);
  const std::string path = in_folder(folder, kLockFile);
  FileHandle lock(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock.is_open()) return system_failure("open", path);
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return system_failure("lock", path);
  }
  return lock;
}

// The whole file in locked memory, since it may be a key. Fails with `not_found` or `limit`.
Result<SecretBytes> read_file(const std::string& path) {
  const FileHandle file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file.is_open()) return system_failure("open", path);
  SecretBytes buffer(kMaxFile);
  std::size_t used = 0;
  while (used < buffer.size()) {
    const ssize_t n = ::read(file.get(), buffer.reveal().data() + used, buffer.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure("read", path);
    if (n == 0) return SecretBytes::copy_of(buffer.reveal().first(used));
    used += static_cast<std::size_t>(n);
  }
  return fail(Errc::limit, path + " is too long");
}

Status write_all(const FileHandle& file, const std::string& path, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure("write", path);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  if (::fsync(file.get()) != 0) return system_failure("sync", path);
  return {};
}

// After a crash at any point there is the whole file under its name, or none.
Status write_file(const std::string& folder, const char* name, ByteView bytes, mode_t mode) {
  const std::string path = in_folder(folder, name);
  const std::string temporary = path + ".tmp";
  ::unlink(temporary.c_str());  // of a start that was cut off; the lock is ours
  {
    const FileHandle file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.is_open()) return system_failure("make", temporary);
    TRY(write_all(file, temporary, bytes));
    if (::fchmod(file.get(), mode) != 0) return system_failure("set the mode of", temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return system_failure("make", path);
  const FileHandle directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open() || ::fsync(directory.get()) != 0) return system_failure("sync", folder);
  return {};
}

Result<std::optional<SecretBytes>> read_if_there(const std::string& path) {
  auto bytes = read_file(path);
  if (bytes) return std::optional(*std::move(bytes));
  if (bytes.error().code == Errc::not_found) return std::optional<SecretBytes>();
  return tl::unexpected<Error>(bytes.error());
}

Result<crypto::Certificate> self_sign(const crypto::P256Key& key, Time now) {
  crypto::CertificateRequest request;
  request.common_name = "Confide SIMULATED SGX Root CA";
  request.organization = kSimOrganization;
  request.subject_key = key.public_key();
  request.not_before = now - kClockSkew;
  request.not_after = now + kValidity;
  request.is_ca = true;
  request.path_length = 1;
  return crypto::issue_certificate(request, key, nullptr);
}

Status check(const SimIssuer& root, Time now) {
  TRY_ASSIGN(const crypto::P256Public certified, root.certificate.p256_public());
  if (certified != root.key.public_key()) {
    return fail(Errc::mismatch, "sim-root.pem does not belong to sim-root.key");
  }
  if (now < root.certificate.not_before() || now > root.certificate.not_after()) {
    return fail(Errc::expired, fmt::format("the simulated root is valid from {} to {}",
                                           to_rfc3339(root.certificate.not_before()),
                                           to_rfc3339(root.certificate.not_after())));
  }
  return {};
}

// The key is written first: a key without a certificate is a first start that was cut off, and the
// certificate can be made again. A certificate without a key cannot be helped.
Result<SimIssuer> load_or_make(const std::string& folder, Time now) {
  const std::string certificate_path = in_folder(folder, kSimRootCertificateFile);
  TRY_ASSIGN(auto key_bytes, read_if_there(in_folder(folder, kSimRootKeyFile)));
  TRY_ASSIGN(const auto pem, read_if_there(certificate_path));
  if (!key_bytes && pem) {
    return fail(Errc::unavailable, "sim-root.pem is there, its key sim-root.key is not");
  }
  if (!key_bytes) {
    key_bytes = crypto::P256Key::generate().to_der();
    TRY(write_file(folder, kSimRootKeyFile, key_bytes->reveal(), 0600));
    ops::log_info("made a new simulated root: " + certificate_path);
  }
  TRY_ASSIGN(crypto::P256Key key, crypto::P256Key::from_der(*key_bytes));
  if (pem) {
    TRY_ASSIGN(auto certificate, crypto::Certificate::from_pem(as_text(pem->reveal())));
    return SimIssuer{.key = std::move(key), .certificate = std::move(certificate)};
  }
  TRY_ASSIGN(auto certificate, self_sign(key, now));
  TRY(write_file(folder, kSimRootCertificateFile, as_bytes(certificate.to_pem()), 0644));
  return SimIssuer{.key = std::move(key), .certificate = std::move(certificate)};
}

Result<SimIssuer> open_folder(const std::string& folder, Time now) {
  TRY_ASSIGN(const FileHandle lock, lock_folder(folder));
  TRY_ASSIGN(SimIssuer root, load_or_make(folder, now));
  TRY(check(root, now));
  // The key may have been copied about with other rights than it was made with.
  if (const std::string path = in_folder(folder, kSimRootKeyFile);
      ::chmod(path.c_str(), 0600) != 0) {
    return system_failure("set the mode of", path);
  }
  return root;
}

}  // namespace

Result<SimIssuer> open_sim_root(const std::string& state_dir, Time now) {
  auto root = open_folder(state_dir, now);
  if (root) return root;
  const Errc code = root.error().code;
  return fail(code == Errc::not_found ? Errc::unavailable : code,
              fmt::format("simulated root in {}: {}; to make a new one, move sim-root.key and "
                          "sim-root.pem away",
                          state_dir, root.error().message));
}

}  // namespace confide::attest
