#include "collateral/cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/base64.h"
#include "base/json.h"
#include "collateral/files.h"
#include "crypto/hash.h"

namespace confide::collateral {
namespace {

constexpr int kFormat = 1;

tl::unexpected<Error> failed(std::string_view what, const std::string& path) {
  return fail(Errc::unavailable,
              fmt::format("cannot {} {}: {}", what, path, std::generic_category().message(errno)));
}

std::string digest_of(const Entry& entry) {
  return to_hex(crypto::sha256(entry.body)) + to_hex(crypto::sha256(as_bytes(entry.issuer_chain)));
}

Json to_json(std::string_view key, const Entry& entry) {
  return Json{{"format", kFormat},
              {"key", key},
              {"valid_from", to_unix(entry.valid_from)},
              {"valid_until", to_unix(entry.valid_until)},
              {"sha256", digest_of(entry)},
              {"issuer_chain", entry.issuer_chain},
              {"body", to_base64(entry.body)}};
}

Result<Entry> from_json(const Json& object, std::string_view key) {
  TRY_ASSIGN(const std::int64_t format, json::get_int(object, "format"));
  TRY_ASSIGN(const std::string stored_key, json::get_string(object, "key"));
  if (format != kFormat || stored_key != key) return fail(Errc::mismatch, "another entry");
  Entry entry;
  TRY_ASSIGN(const std::int64_t from, json::get_int(object, "valid_from"));
  TRY_ASSIGN(const std::int64_t until, json::get_int(object, "valid_until"));
  entry.valid_from = from_unix(from);
  entry.valid_until = from_unix(until);
  TRY_ASSIGN(entry.issuer_chain, json::get_string(object, "issuer_chain"));
  TRY_ASSIGN(const std::string body, json::get_string(object, "body"));
  TRY_ASSIGN(entry.body, from_base64(body));
  TRY_ASSIGN(const std::string digest, json::get_string(object, "sha256"));
  if (digest != digest_of(entry)) return fail(Errc::mismatch, "damaged");
  return entry;
}

Status write_file(int fd, const std::string& path, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failed("write", path);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

Result<Cache> Cache::open(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), error);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return failed("make", folder);
  if (!is_folder(folder)) return fail(Errc::unavailable, folder + " is not a folder");
  return Cache(folder);
}

std::string Cache::path_of(std::string_view kind, std::string_view key) const {
  // Keys hold hardware ids and URLs: a file name must not.
  const std::string name = to_hex(crypto::sha256(as_bytes(key)));
  return fmt::format("{}/{}-{}.json", folder_, kind, name.substr(0, 32));
}

std::optional<Entry> Cache::find(std::string_view kind, std::string_view key, Time at) const {
  const auto content = read_file(path_of(kind, key));
  if (!content) return std::nullopt;
  const auto object = json::parse(as_text(*content), {.max_bytes = kMaxFileBytes});
  if (!object) return std::nullopt;
  auto entry = from_json(*object, key);
  if (!entry || !entry->holds_at(at)) return std::nullopt;
  return *std::move(entry);
}

Status Cache::store(std::string_view kind, std::string_view key, const Entry& entry) const {
  const std::string path = path_of(kind, key);
  std::string temporary = path + ".XXXXXX";
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);  // mode 0600
  if (fd < 0) return failed("write", path);
  Status written = write_file(fd, path, json::compact(to_json(key, entry)));
  if (::close(fd) != 0 && written) written = failed("write", path);
  // Readers see the old entry or the new one, never half of one.
  if (written && std::rename(temporary.c_str(), path.c_str()) != 0) written = failed("write", path);
  if (!written) ::unlink(temporary.c_str());
  return written;
}

std::string default_cache_folder() {
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  // The base directory specification: a relative path is to be ignored.
  if (cache != nullptr && *cache == '/') return fmt::format("{}/confide", cache);
  const char* const home = std::getenv("HOME");
  if (home != nullptr && *home == '/') return fmt::format("{}/.cache/confide", home);
  return "";
}

}  // namespace confide::collateral
