// One case: a folder with evidence, what is needed to judge it, and a case.json that says how.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"
#include "crypto/x509.h"

namespace confide::conformance {

namespace fs = std::filesystem;

struct Case {
  fs::path folder;
  std::string id;
  std::string kind;
  Json description;

  // Made with keys of its own, which a user would have to name; real cases have a vendor's root.
  bool synthetic() const;
  // `evaluation_time`. Fails with `malformed`.
  Result<Time> time() const;
  // Member `role` of `files`, or null.
  const Json* file(std::string_view role) const;
  // The bytes of that file. Fails with `not_found` or `malformed`.
  Result<Bytes> read(std::string_view role) const;
  Result<crypto::Certificate> certificate(std::string_view role) const;
};

// The whole file. Fails with `not_found`, or `limit` if it is larger than any evidence.
Result<Bytes> read_file(const fs::path& path);
// DER or PEM.
Result<crypto::Certificate> read_certificate(const fs::path& path);
Result<Json> read_json(const fs::path& path);

// Every folder at or below `top` that holds a case.json, in order of their names.
std::vector<fs::path> find_cases(const fs::path& top);
// Fails if case.json cannot be read or names neither id nor kind.
Result<Case> load_case(const fs::path& folder);

}  // namespace confide::conformance
