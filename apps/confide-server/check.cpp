#include "check.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>

#include <fmt/format.h>

#include "base/json.h"
#include "files.h"
#include "models.h"
#include "running.h"

namespace confide::server {
namespace {

template <class T>
void note(std::vector<std::string>& problems, const Result<T>& result) {
  if (!result) problems.push_back(result.error().message);
}

// It is made if it is not there, so then the folder above counts.
Status check_state(const std::string& path) {
  const auto folder = std::filesystem::absolute(path);
  std::error_code error;
  const bool there = std::filesystem::exists(folder, error);
  if (there && !std::filesystem::is_directory(folder, error)) {
    return fail(Errc::unavailable, fmt::format("--state {} is no folder", path));
  }
  const auto& asked = there ? folder : folder.parent_path();
  if (::access(asked.c_str(), W_OK | X_OK) == 0) return {};
  return fail(Errc::unavailable,
              fmt::format("cannot write to --state {}: {}", path, std::strerror(errno)));
}

}  // namespace

std::vector<std::string> find_problems(const ServeOptions& options) {
  std::vector<std::string> problems;
  note(problems, parse_listen(options));
  note(problems, check_state(options.state));
  if (!options.api_keys.empty()) note(problems, read_api_keys(options.api_keys));
  if (!options.tls_certificate.empty()) {
    note(problems, read_tls(options.tls_certificate, options.tls_key));
  }
  if (!options.otlp_endpoint.empty()) note(problems, parse_collector(options));
  return problems;
}

int check_config(const ServeOptions& options, bool json) {
  std::vector<std::string> problems = find_problems(options);
  std::ranges::move(find_model_problems(options), std::back_inserter(problems));
  if (json) {
    fmt::print("{}\n", json::compact({{"ok", problems.empty()}, {"problems", problems}}));
  } else {
    for (const std::string& problem : problems) fmt::print(stderr, "{}\n", problem);
    fmt::print(stderr, "{}\n", problems.empty() ? "nothing is wrong" : "this would not start");
  }
  return problems.empty() ? 0 : 2;
}

}  // namespace confide::server
