#include "inputs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <system_error>

#include <fmt/format.h>

#include "base/json.h"
#include "base/secret.h"
#include "crypto/x509.h"
#include "ops/file_handle.h"

namespace confide::app {
namespace {

constexpr std::size_t kMaxFile = std::size_t{64} << 20U;

std::string system_message() { return std::generic_category().message(errno); }

Result<std::string> read_all(int fd, std::string_view name) {
  std::string content;
  std::array<char, 64 * 1024> buffer{};
  while (true) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return fail(Errc::not_found, fmt::format("cannot read {}: {}", name, system_message()));
    if (n == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(n));
    if (content.size() > kMaxFile) return fail(Errc::limit, fmt::format("{} is too large", name));
  }
}

Status write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(Errc::unavailable, system_message());
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fsync(fd) != 0 && errno != EINVAL) return fail(Errc::unavailable, system_message());
  return {};
}

// Errors of the parsers below say what is wrong, but not in which file.
Error in_file(const std::string& path, const Error& error) {
  return {error.code, path + ": " + error.message};
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const ops::FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    return fail(Errc::not_found, fmt::format("cannot open {}: {}", path, system_message()));
  }
  return read_all(file.get(), path);
}

Result<std::string> read_stdin() { return read_all(STDIN_FILENO, "stdin"); }

Status write_private_file(const std::string& path, std::string_view content, bool overwrite) {
  const int mode = (overwrite ? O_TRUNC : O_EXCL) | O_NOFOLLOW;
  const ops::FileHandle file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | mode, 0600));
  if (!file.is_open()) {
    if (errno == EEXIST) return fail(Errc::policy, path + " is there already");
    return fail(Errc::unavailable, fmt::format("cannot write {}: {}", path, system_message()));
  }
  // A file that was there keeps its mode unless it is told otherwise.
  if (::fchmod(file.get(), 0600) != 0) {
    return fail(Errc::unavailable, fmt::format("cannot protect {}: {}", path, system_message()));
  }
  if (auto written = write_all(file.get(), content); !written) {
    return tl::unexpected<Error>(in_file(path, written.error()));
  }
  return {};
}

Result<verify::Policy> load_policy(const TrustOptions& options) {
  if (!options.policy_file.empty()) {
    TRY_ASSIGN(const std::string text, read_file(options.policy_file));
    auto policy = verify::Policy::from_toml(text);
    if (!policy) return tl::unexpected<Error>(in_file(options.policy_file, policy.error()));
    return policy;
  }
  verify::Policy policy = verify::Policy::strict();
  for (const std::string& file : options.trust_root_files) {
    TRY_ASSIGN(const std::string content, read_file(file));
    const auto root = crypto::Certificate::from_any(as_bytes(content));
    if (!root) return tl::unexpected<Error>(in_file(file, root.error()));
    policy.trust(*root);
  }
  return policy;
}

Status check_utf8(std::string_view what, const std::string& text) {
  constexpr json::Limits kAnySize{.max_bytes = std::numeric_limits<std::size_t>::max()};
  if (json::parse(json::compact(Json(text)), kAnySize)) return {};
  return fail(Errc::malformed, fmt::format("{} is not UTF-8", what));
}

Result<std::string> load_api_key(const std::string& file) {
  std::string key;
  if (!file.empty()) {
    TRY_ASSIGN(key, read_file(file));
  } else if (const char* variable = std::getenv("CONFIDE_API_KEY")) {
    key = variable;
  }
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r' || key.back() == ' ')) {
    key.pop_back();
  }
  // A line break in it would end the header and begin another.
  const auto is_visible = [](char c) { return c > ' ' && c <= '~'; };
  if (!std::ranges::all_of(key, is_visible)) {
    wipe(key);
    return fail(Errc::malformed, "the API key has characters that no key has");
  }
  return key;
}

Result<std::string> state_folder(const std::string& folder) {
  if (!folder.empty()) return folder;
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  std::filesystem::path base;
  if (state != nullptr && *state == '/') {
    base = state;
  } else if (home != nullptr && *home == '/') {
    base = std::filesystem::path(home) / ".local" / "state";
  } else {
    return fail(Errc::not_found, "no home folder: name one with --state");
  }
  std::error_code error;
  std::filesystem::create_directories(base, error);
  if (error) return fail(Errc::unavailable, fmt::format("{}: {}", base.string(), error.message()));
  return (base / "confide").string();
}

Result<Time> parse_time(const std::string& text) {
  if (text.empty()) return SystemClock().now();
  auto time = parse_rfc3339(text);
  if (!time) return fail(time.error().code, "--at: " + time.error().message);
  return time;
}

}  // namespace confide::app
