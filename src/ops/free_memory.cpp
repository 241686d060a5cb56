#include "ops/free_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string_view>

namespace confide::ops {
namespace {

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

std::optional<std::uint64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  if (file >> value) return value;
  return std::nullopt;  // "max" is none either
}

std::uint64_t available(const std::string& root) {
  std::ifstream file(root + "/proc/meminfo");
  std::string name;
  std::uint64_t kibibytes = 0;
  std::string unit;
  while (file >> name >> kibibytes) {
    if (name == "MemAvailable:") return kibibytes * 1024;
    std::getline(file, unit);
  }
  return kNoLimit;
}

// "0::/path" is the line of version 2.
std::string own_group(const std::string& root) {
  constexpr std::string_view kPrefix = "0::";
  std::ifstream file(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with(kPrefix)) return line.substr(kPrefix.size());
  }
  return "/";
}

std::uint64_t left_in(const std::string& group) {
  const auto most = number_in(group + "/memory.max");
  const auto used = number_in(group + "/memory.current");
  if (!most || !used) return kNoLimit;
  return *most > *used ? *most - *used : 0;
}

}  // namespace

std::uint64_t free_memory(const std::string& root) {
  std::uint64_t least = available(root);
  std::string group = own_group(root);
  while (true) {
    least = std::min(least, left_in(root + "/sys/fs/cgroup" + group));
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos || group.empty()) return least;
    group.resize(slash);
  }
}

}  // namespace confide::ops
