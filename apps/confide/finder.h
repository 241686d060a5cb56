// Collateral and evidence as the command line names them: from files, a cache and the network.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "collateral/fetch.h"
#include "commands.h"
#include "verify/policy.h"

namespace confide::app {

// What every appraisal of evidence begins with.
struct Ground {
  verify::Policy policy;
  Time at{};
};
Result<Ground> load_ground(const EvidenceOptions& options);

// Evidence from a file, from the file of this role in a folder, or from stdin; hex and base64 are
// decoded. Every failure is unusable input.
Result<Bytes> load_evidence(const std::string& path, std::string_view role,
                            std::initializer_list<std::string_view> names);

// Whether `error` says that a file is there and readable but not what it should be: then there is
// evidence, and it fails. Otherwise the input is unusable.
bool is_damage(const Error& error);

// Opens the cache and the network as the options say.
class Finder {
 public:
  // Fails with `unavailable` if the cache cannot be used.
  static Result<Finder> open(const FetchOptions& options, Time at);

  // Adds to `material` what `evidence` needs; tells the user on stderr what was fetched, unless
  // `quiet`. Fails with `policy` if a URL must not be asked, and `unavailable`.
  template <class Evidence, class Material>
  Status complete(const Evidence& evidence, Material& material, bool quiet) {
    const Status status = fetcher_->complete(evidence, material);
    return report(status, quiet);
  }

 private:
  Finder() = default;
  Status report(const Status& status, bool quiet) const;

  std::unique_ptr<collateral::Http> http_;
  std::unique_ptr<collateral::Cache> cache_;
  std::unique_ptr<collateral::Fetcher> fetcher_;
};

// The exit code for input, a cache or a service that is of no use, after saying so.
int give_up(const Error& error, bool json);

// A quote's collateral: what is at `path`, completed as `fetch` says. Nothing if neither names any.
// Fails as Finder does, and with what is_damage() says.
Result<std::optional<evidence::TdxCollateral>> find_tdx_collateral(const std::string& path,
                                                                   const FetchOptions& fetch,
                                                                   ByteView quote, Time at,
                                                                   bool quiet);

// The same for a live service that staples none; empty if `fetch` names no source.
std::function<Result<evidence::TdxCollateral>(ByteView quote)> live_collateral(
    const FetchOptions& fetch, bool quiet);

}  // namespace confide::app
