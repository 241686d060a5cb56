#include "finder.h"

#include <utility>

#include "inputs.h"
#include "output.h"

namespace confide::app {

Result<Ground> load_ground(const EvidenceOptions& options) {
  Ground ground;
  TRY_ASSIGN(ground.policy, load_policy(options.trust));
  TRY_ASSIGN(ground.at, parse_time(options.at));
  return ground;
}

Result<Bytes> load_evidence(const std::string& path, std::string_view role,
                            std::initializer_list<std::string_view> names) {
  if (path == "-") {
    TRY_ASSIGN(const std::string content, read_stdin());
    return collateral::decode_evidence(to_bytes(as_bytes(content)));
  }
  std::string file = path;
  if (collateral::is_folder(path)) {
    TRY_ASSIGN(const auto folder, collateral::Folder::open(path));
    file = folder.file(role, names);
    if (file.empty()) {
      return fail(Errc::not_found, path + " is a folder without " + std::string(*names.begin()));
    }
  }
  TRY_ASSIGN(Bytes content, collateral::read_file(file));
  return collateral::decode_evidence(std::move(content));
}

bool is_damage(const Error& error) {
  return error.code == Errc::malformed || error.code == Errc::unsupported;
}

Result<Finder> Finder::open(const FetchOptions& options, Time at) {
  Finder finder;
  if (options.fetch) {
    finder.http_ =
        collateral::make_http({.timeout = std::chrono::seconds{options.timeout_seconds}});
  }
  const std::string folder =
      options.cache_folder.empty() ? collateral::default_cache_folder() : options.cache_folder;
  if (!folder.empty()) {
    TRY_ASSIGN(auto cache, collateral::Cache::open(folder));
    finder.cache_ = std::make_unique<collateral::Cache>(std::move(cache));
  }
  finder.fetcher_ = std::make_unique<collateral::Fetcher>(options.sources, finder.http_.get(),
                                                          finder.cache_.get(), at);
  return finder;
}

Status Finder::report(const Status& status, bool quiet) const {
  if (!quiet) {
    for (const std::string& note : fetcher_->notes()) say(note);
  }
  if (status) return {};
  const bool refused = status.error().code == Errc::policy;
  return fail(refused ? Errc::policy : Errc::unavailable, status.error().message);
}

int give_up(const Error& error, bool json) {
  const int code = unusable(error, json);
  return error.code == Errc::unavailable ? kExitUnavailable : code;
}

Result<std::optional<evidence::TdxCollateral>> find_tdx_collateral(const std::string& path,
                                                                   const FetchOptions& fetch,
                                                                   ByteView quote, Time at,
                                                                   bool quiet) {
  std::optional<evidence::TdxCollateral> found;
  if (!path.empty()) {
    TRY_ASSIGN(found, collateral::read_tdx_collateral(path));
  }
  if (fetch.none()) return found;
  if (!found) found.emplace();
  TRY_ASSIGN(Finder finder, Finder::open(fetch, at));
  TRY(finder.complete(quote, *found, quiet));
  return found;
}

std::function<Result<evidence::TdxCollateral>(ByteView quote)> live_collateral(
    const FetchOptions& fetch, bool quiet) {
  if (fetch.none()) return {};
  return [fetch, quiet](ByteView quote) -> Result<evidence::TdxCollateral> {
    TRY_ASSIGN(auto found, find_tdx_collateral("", fetch, quote, SystemClock().now(), quiet));
    return found.value_or(evidence::TdxCollateral{});
  };
}

}  // namespace confide::app
