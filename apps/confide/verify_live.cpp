#include <fmt/format.h>

#include "client/session.h"
#include "commands.h"
#include "finder.h"
#include "inputs.h"
#include "output.h"

namespace confide::app {
namespace {

Status write_policy(const VerifyLiveOptions& options, const verify::Policy& policy,
                    const client::AttestedService& service) {
  const std::string text = client::pinned_policy(policy, service).to_toml();
  TRY(write_private_file(options.write_policy, text, options.force));
  return {};
}

void show_claims(const client::AttestedService& service) {
  for (const std::string& digest : service.model_digests()) say("  model     " + digest);
  say("  manifest  " + service.compose_digest());
  say("  keyset    " + service.keyset().digest);
}

}  // namespace

int verify_live(const VerifyLiveOptions& options) {
  if (auto url = net::parse_url(options.url); !url) {
    return unusable(url.error(), options.json);
  }
  auto policy = load_policy(options.trust);
  if (!policy) return unusable(policy.error(), options.json);

  client::SessionOptions settings;
  settings.url = options.url;
  settings.policy = *policy;
  // Others rely on this verdict for connections of their own, so TLS has to end at an attested key.
  settings.channel = options.sealed ? client::Channel::sealed : client::Channel::e2ee;
  settings.find_collateral = live_collateral(options.fetch, options.json);
  if (!options.json) say("Verifying " + options.url);
  verify::Verdict verdict;
  const auto session = client::Session::open(settings, verdict);
  const Error* error = session ? nullptr : &session.error();
  show_verdict(options.trust, options.json, verdict, error);
  if (error != nullptr) return exit_code(*error, verdict);
  if (!options.json) show_claims((*session)->service());
  if (options.write_policy.empty()) return kExitVerified;

  if (auto written = write_policy(options, *policy, (*session)->service()); !written) {
    const bool exists = written.error().code == Errc::policy;
    say("confide: " + written.error().message + (exists ? "; --force overwrites it" : ""));
    return kExitUsage;
  }
  say("Policy written to " + options.write_policy + ": read it before you rely on it.");
  return kExitVerified;
}

}  // namespace confide::app
