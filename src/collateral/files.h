// Files and folders of collateral, found by what they hold. Reads; judges nothing.
#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"

namespace confide::collateral {

// No collateral of any vendor comes near it; the largest reference manifests are 500 kB.
inline constexpr std::size_t kMaxFileBytes = std::size_t{8} << 20U;
inline constexpr std::size_t kMaxFolderFiles = 256;

// Whole content of a regular file. Fails with `not_found` if it cannot be read and `limit` if it is
// larger than kMaxFileBytes; both name the path.
Result<Bytes> read_file(const std::string& path);
bool is_folder(const std::string& path);
// Evidence as tools leave it: text that is all hex (with or without 0x) or all base64, in lines or
// not, is decoded; everything else is taken as it is.
Bytes decode_evidence(Bytes content);
// What a parser says of a file, with the file's name before it. What is beyond a parser's limits is
// malformed: `limit` is kept for files that are too large to be read.
Error in_file(const std::string& path, const Error& error);

// A folder whose files are known by role. If it holds a case.json, that file's `files` member says
// which file plays which role, by paths relative to the folder; whatever role it leaves out is then
// found by its conventional name, as everything is without a case.json.
class Folder {
 public:
  // Fails with `not_found` if there is no such folder, `malformed` if its case.json is not what it
  // should be, lists too much, or leads out of the folder's grandparent.
  static Result<Folder> open(const std::string& path);

  const std::string& path() const noexcept { return path_; }
  // Full path of the first file with this role, or "". `names` are the conventional names.
  std::string file(std::string_view role, std::initializer_list<std::string_view> names = {}) const;
  // All files of a role, in the order of case.json.
  std::vector<std::string> files(std::string_view role) const;
  // Full paths of the files whose names end in one of `suffixes`, in the folder `below` this one or
  // in this one itself, sorted. Fails with `limit` if there are more than kMaxFolderFiles.
  Result<std::vector<std::string>> ending_in(std::initializer_list<std::string_view> suffixes,
                                             std::string_view below = "") const;
  // The whole case.json; an empty object if there is none.
  const Json& description() const noexcept { return description_; }
  // Full path of a file named in case.json. Fails with `malformed` as open() does.
  Result<std::string> resolve(const std::string& relative) const;

 private:
  Status describe();

  std::string path_;
  std::map<std::string, std::vector<std::string>, std::less<>> roles_;
  Json description_ = Json::object();
};

}  // namespace confide::collateral
