// What is on its way into a database: lines of a file that one process alone appends to. A line was
// handed to the kernel before append() returns, so it survives the process; not always the machine.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace confide::store {

// Not thread-safe. The file is locked (flock(2)) while the object lives, and goes with it if it is
// empty then.
class Journal {
 public:
  // A new file (mode 0600) beside the database `path`. Fails with `unavailable`.
  static Result<Journal> create(const std::string& path);
  // Those beside `path` that processes left behind which are no more.
  static Result<std::vector<Journal>> orphans(const std::string& path);

  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&& other) noexcept;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  // One write(2). `line` has no line break. Fails with `unavailable`, and nothing is appended.
  Status append(std::string_view line);
  Status clear();
  // The complete lines. Fails with `unavailable`.
  Result<std::vector<std::string>> lines() const;

 private:
  Journal(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  void close() noexcept;
  int fd_ = -1;
  std::string path_;
  std::size_t size_ = 0;  // bytes
};

}  // namespace confide::store
