#include "collateral/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/base64.h"
#include "ops/file_handle.h"

namespace confide::collateral {
namespace {

namespace fs = std::filesystem;

std::string system_message() { return std::generic_category().message(errno); }

}  // namespace

Result<Bytes> read_file(const std::string& path) {
  // Without O_NONBLOCK a pipe with this name would be waited for.
  const ops::FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) {
    return fail(Errc::not_found, fmt::format("cannot open {}: {}", path, system_message()));
  }
  struct stat about{};
  if (::fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode)) {
    return fail(Errc::not_found, fmt::format("{} is not a file", path));
  }
  const auto size = static_cast<std::size_t>(about.st_size);
  if (size > kMaxFileBytes) {
    return fail(Errc::limit, fmt::format("{} is larger than {} MiB", path, kMaxFileBytes >> 20U));
  }
  Bytes content(size);
  std::size_t have = 0;
  while (have < size) {
    const ssize_t n = ::read(file.get(), content.data() + have, size - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      return fail(Errc::not_found, fmt::format("cannot read {}: {}", path, system_message()));
    }
    if (n == 0) break;  // it has shrunk
    have += static_cast<std::size_t>(n);
  }
  content.resize(have);
  return content;
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

Bytes decode_evidence(Bytes content) {
  std::string text;
  for (const std::uint8_t byte : content) {
    const char c = static_cast<char>(byte);
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') text += c;
  }
  const bool prefixed = text.starts_with("0x") || text.starts_with("0X");
  const std::string_view digits = std::string_view(text).substr(prefixed ? 2 : 0);
  if (digits.empty()) return content;
  if (auto hex = from_hex(digits, HexCase::any)) return *std::move(hex);
  if (auto base64 = from_base64(text)) return *std::move(base64);
  if (auto base64url = from_base64url(text)) return *std::move(base64url);
  return content;
}

Error in_file(const std::string& path, const Error& error) {
  const Errc code = error.code == Errc::limit ? Errc::malformed : error.code;
  return {code, path + ": " + error.message};
}

Result<Folder> Folder::open(const std::string& path) {
  if (!is_folder(path)) return fail(Errc::not_found, path + " is not a folder");
  Folder folder;
  folder.path_ = path;
  const std::string described = path + "/case.json";
  std::error_code ignored;
  if (!fs::exists(described, ignored)) return folder;
  TRY_ASSIGN(const Bytes text, read_file(described));
  auto document = json::parse(as_text(text));
  if (!document) return tl::unexpected<Error>(in_file(described, document.error()));
  folder.description_ = std::move(*document);
  if (const Status read = folder.describe(); !read) {
    return tl::unexpected<Error>(in_file(described, read.error()));
  }
  return folder;
}

Status Folder::describe() {
  TRY_ASSIGN(const Json* const files, json::get_object(description_, "files"));
  for (const auto& [role, value] : files->items()) {
    if (role == "devices") continue;  // objects, not names
    const Json list = value.is_array() ? value : Json::array({value});
    if (list.size() > kMaxFolderFiles) return fail(Errc::limit, "too many files");
    for (const Json& name : list) {
      if (!name.is_string()) return fail(Errc::malformed, "a file's name is no string");
      TRY_ASSIGN(std::string full, resolve(name.get<std::string>()));
      roles_[role].push_back(std::move(full));
    }
  }
  return {};
}

Result<std::string> Folder::resolve(const std::string& relative) const {
  const fs::path name = fs::path(relative).lexically_normal();
  const auto ups = std::ranges::count(name, fs::path(".."));
  // Shared files lie in a neighbouring folder, or in one of a neighbouring kind.
  if (relative.empty() || relative.find('\0') != std::string::npos || name.is_absolute() ||
      ups > 2) {
    return fail(Errc::malformed, "a file's path leads too far out of the folder");
  }
  return (fs::path(path_) / name).string();
}

std::string Folder::file(std::string_view role,
                         std::initializer_list<std::string_view> names) const {
  if (const auto found = roles_.find(role); found != roles_.end()) return found->second.front();
  for (const std::string_view name : names) {
    std::string full = fmt::format("{}/{}", path_, name);
    std::error_code ignored;
    if (fs::exists(full, ignored)) return full;
  }
  return "";
}

std::vector<std::string> Folder::files(std::string_view role) const {
  const auto found = roles_.find(role);
  return found == roles_.end() ? std::vector<std::string>{} : found->second;
}

Result<std::vector<std::string>> Folder::ending_in(std::initializer_list<std::string_view> suffixes,
                                                   std::string_view below) const {
  std::vector<std::string> out;
  std::error_code error;
  const fs::path at = below.empty() ? fs::path(path_) : fs::path(path_) / below;
  for (fs::directory_iterator entry(at, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (std::ranges::none_of(suffixes, [&](auto suffix) { return name.ends_with(suffix); })) {
      continue;
    }
    if (out.size() == kMaxFolderFiles) {
      return fail(Errc::limit, fmt::format("{} holds too many files", at.string()));
    }
    out.push_back(entry->path().string());
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace confide::collateral
