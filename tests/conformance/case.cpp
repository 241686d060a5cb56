#include "case.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/json.h"

namespace confide::conformance {
namespace {

constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{64} << 20U;

}  // namespace

Result<Bytes> read_file(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    return fail(Errc::not_found, path.filename().string() + " is not there");
  }
  if (fs::file_size(path, error) > kMaxFileBytes) {
    return fail(Errc::limit, path.filename().string() + " is too large");
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Errc::not_found, path.filename().string() + " cannot be read");
  return Bytes{std::istreambuf_iterator<char>(in), {}};
}

Result<Json> read_json(const fs::path& path) {
  TRY_ASSIGN(const Bytes bytes, read_file(path));
  return json::parse(as_text(bytes));
}

Result<crypto::Certificate> read_certificate(const fs::path& path) {
  TRY_ASSIGN(const Bytes bytes, read_file(path));
  if (auto der = crypto::Certificate::from_der(bytes)) return der;
  return crypto::Certificate::from_pem(as_text(bytes));
}

std::vector<fs::path> find_cases(const fs::path& top) {
  std::vector<fs::path> out;
  if (fs::exists(top / "case.json")) out.push_back(top);
  for (const auto& entry : fs::recursive_directory_iterator(top)) {
    if (entry.is_directory() && fs::exists(entry.path() / "case.json")) out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

Result<Case> load_case(const fs::path& folder) {
  Case out{.folder = folder, .id = {}, .kind = {}, .description = {}};
  TRY_ASSIGN(out.description, read_json(folder / "case.json"));
  TRY_ASSIGN(out.id, json::get_string(out.description, "id"));
  TRY_ASSIGN(out.kind, json::get_string(out.description, "kind"));
  return out;
}

bool Case::synthetic() const {
  return kind.ends_with("-synthetic") || description.value("synthetic", Json()) == true;
}

Result<Time> Case::time() const {
  TRY_ASSIGN(const std::string text, json::get_string(description, "evaluation_time"));
  return parse_rfc3339(text);
}

const Json* Case::file(std::string_view role) const {
  const Json* files = json::find(description, "files");
  return files == nullptr ? nullptr : json::find(*files, role);
}

Result<Bytes> Case::read(std::string_view role) const {
  const Json* name = file(role);
  if (name == nullptr || !name->is_string()) {
    return fail(Errc::not_found, "the case names no file `" + std::string(role) + "`");
  }
  return read_file(folder / name->get_ref<const std::string&>());
}

Result<crypto::Certificate> Case::certificate(std::string_view role) const {
  const Json* name = file(role);
  if (name == nullptr || !name->is_string()) {
    return fail(Errc::not_found, "the case names no file `" + std::string(role) + "`");
  }
  return read_certificate(folder / name->get_ref<const std::string&>());
}

}  // namespace confide::conformance
