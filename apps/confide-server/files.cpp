#include "files.h"

#include <sys/stat.h>

#include <fmt/format.h>

#include "base/secret.h"
#include "ops/file.h"

namespace confide::server {
namespace {

constexpr std::size_t kMaxKeyFile = std::size_t{4} << 20U;
constexpr std::size_t kMaxTlsFile = std::size_t{1} << 20U;

}  // namespace

Result<std::vector<api::ApiKey>> read_api_keys(const std::string& path) {
  TRY_ASSIGN(const std::string text, ops::read_file(path, kMaxKeyFile));
  auto keys = api::parse_api_keys(text);
  if (keys) return keys;
  return fail(keys.error().code, fmt::format("{}: {}", path, keys.error().message));
}

Result<TlsFiles> read_tls(const std::string& certificate_path, const std::string& key_path) {
  TRY_ASSIGN(const std::string pem, ops::read_file(certificate_path, kMaxTlsFile));
  const auto chain = crypto::parse_pem_chain(pem);
  if (!chain) {
    return fail(chain.error().code, fmt::format("{}: {}", certificate_path, chain.error().message));
  }
  TRY_ASSIGN(std::string key, ops::read_file(key_path, kMaxTlsFile));
  auto context = net::TlsContext::server(*chain, key);
  wipe(key);
  if (!context) {
    return fail(context.error().code,
                fmt::format("{} with {}: {}", key_path, certificate_path, context.error().message));
  }
  return TlsFiles{.leaf = chain->front(), .context = *std::move(context)};
}

FileStamp stamp_of(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {.device = static_cast<std::int64_t>(info.st_dev),
          .inode = static_cast<std::int64_t>(info.st_ino),
          .size = info.st_size,
          .changed_ns = info.st_ctim.tv_sec * 1'000'000'000 + info.st_ctim.tv_nsec};
}

}  // namespace confide::server
