// A database file that belongs to this program: private, marked, of a known version.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/sqlite.h"

namespace confide::store {

struct Schema {
  std::string_view name;            // "receipt store", for messages
  std::int64_t application_id = 0;  // marks the file as ours
  std::int64_t version = 0;
  const char* sql = nullptr;  // makes the tables and sets both pragmas
};

// Creates the file (mode 0600) and its schema if needed; with a write-ahead log. Fails with
// `unavailable`, `unsupported` if the file was written by a newer version, or `malformed` if it is
// not ours or is damaged; the file is left as it is then.
Result<Database> open_owned_file(const std::string& path, const Schema& schema);

}  // namespace confide::store
