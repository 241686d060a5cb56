// Small files that are read and replaced whole.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "ops/file_handle.h"

namespace confide::ops {

// Fails with `not_found`, `unavailable` if it cannot be read or is no regular file, `limit` if it
// has more than `max_bytes`.
Result<std::string> read_file(const std::string& path, std::size_t max_bytes);

// Waits for, and then holds off, others who lock the same folder: until the handle is closed.
Result<FileHandle> lock_folder_of(const std::string& path);

// Puts a new file (mode 0600) in the place of the old one: whoever reads finds one of them, whole,
// whenever the machine dies. Fails with `unavailable`.
Status replace_file(const std::string& path, const std::string& text);

}  // namespace confide::ops
