#include "capi/client_options.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "collateral/cache.h"
#include "collateral/fetch.h"
#include "collateral/folder.h"

namespace confide::capi {
namespace {

constexpr std::array<std::string_view, 9> kNames{
    "url", "policy", "trust_roots", "require", "collateral", "fetch", "cache", "padding", "sealed"};

Status check_names(const Json& options) {
  if (!options.is_object()) return fail(Errc::malformed, "the options are no object");
  for (const auto& [name, value] : options.items()) {
    if (std::ranges::find(kNames, name) == kNames.end()) {
      return fail(Errc::malformed, "there is no option of the name " + name.substr(0, 64));
    }
  }
  return {};
}

Result<std::string> text_of(const Json& options, std::string_view name) {
  if (json::find(options, name) == nullptr) return std::string();
  return json::get_string(options, name);
}

Result<std::vector<std::string>> texts_of(const Json& options, std::string_view name) {
  std::vector<std::string> texts;
  if (json::find(options, name) == nullptr) return texts;
  TRY_ASSIGN(const Json* list, json::get_array(options, name));
  for (const Json& one : *list) {
    if (!one.is_string()) return fail(Errc::malformed, std::string(name) + " holds no strings");
    texts.push_back(one.get<std::string>());
  }
  return texts;
}

Result<bool> flag_of(const Json& options, std::string_view name) {
  const Json* flag = json::find(options, name);
  if (flag == nullptr) return false;
  if (!flag->is_boolean()) return fail(Errc::malformed, std::string(name) + " is no boolean");
  return flag->get<bool>();
}

Result<std::vector<crypto::Certificate>> read_roots(const Json& options) {
  std::vector<crypto::Certificate> roots;
  TRY_ASSIGN(const auto texts, texts_of(options, "trust_roots"));
  for (const std::string& pem : texts) {
    TRY_ASSIGN(auto root, crypto::Certificate::from_pem(pem));
    roots.push_back(std::move(root));
  }
  return roots;
}

Status read_policies(const Json& options, client::Target& target) {
  target.policy = verify::Policy::strict();
  if (json::find(options, "policy") != nullptr) {
    TRY_ASSIGN(const std::string text, json::get_string(options, "policy"));
    TRY_ASSIGN(target.policy, verify::Policy::from_toml(text));
  }
  TRY_ASSIGN(const auto further, texts_of(options, "require"));
  for (const std::string& text : further) {
    TRY_ASSIGN(auto policy, verify::Policy::from_toml(text));
    target.further_policies.push_back(std::move(policy));
  }
  TRY_ASSIGN(const auto roots, read_roots(options));
  for (const crypto::Certificate& root : roots) {
    target.policy.trust(root);
    for (verify::Policy& policy : target.further_policies) policy.trust(root);
  }
  return {};
}

// Where collateral comes from that the service does not staple.
struct CollateralSource {
  std::optional<evidence::TdxCollateral> kept;
  bool fetch = false;
  std::string cache_folder;

  bool none() const { return !kept && !fetch && cache_folder.empty(); }
  Result<evidence::TdxCollateral> find(ByteView quote) const;
};

Result<evidence::TdxCollateral> CollateralSource::find(ByteView quote) const {
  evidence::TdxCollateral found = kept.value_or(evidence::TdxCollateral{});
  const std::string folder =
      cache_folder.empty() && fetch ? collateral::default_cache_folder() : cache_folder;
  std::optional<collateral::Cache> cache;
  if (!folder.empty()) {
    TRY_ASSIGN(cache, collateral::Cache::open(folder));
  }
  const auto http = fetch ? collateral::make_http() : nullptr;
  collateral::Fetcher fetcher({}, http.get(), cache ? &*cache : nullptr, SystemClock().now());
  TRY(fetcher.complete(quote, found));
  return found;
}

Result<CollateralSource> read_source(const Json& options) {
  CollateralSource source;
  TRY_ASSIGN(const std::string path, text_of(options, "collateral"));
  if (!path.empty()) {
    TRY_ASSIGN(source.kept, collateral::read_tdx_collateral(path));
  }
  TRY_ASSIGN(source.fetch, flag_of(options, "fetch"));
  TRY_ASSIGN(source.cache_folder, text_of(options, "cache"));
  return source;
}

}  // namespace

Result<ClientOptions> read_options(std::string_view document) {
  TRY_ASSIGN(const Json options, json::parse(document));
  TRY(check_names(options));
  ClientOptions out;
  client::Target& target = out.sealed.target;
  TRY_ASSIGN(target.url, json::get_string(options, "url"));
  TRY(net::parse_url(target.url));
  TRY(read_policies(options, target));
  TRY_ASSIGN(CollateralSource source, read_source(options));
  if (!source.none()) {
    target.find_collateral = [source = std::move(source)](ByteView quote) {
      return source.find(quote);
    };
  }
  if (json::find(options, "padding") != nullptr) {
    TRY_ASSIGN(const std::string padding, json::get_string(options, "padding"));
    TRY_ASSIGN(out.sealed.padding, seal::parse_padding(padding));
  }
  TRY_ASSIGN(out.for_channel, flag_of(options, "sealed"));
  return out;
}

}  // namespace confide::capi
