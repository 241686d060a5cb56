#include "options.h"

namespace confide::app {

void add_trust(CLI::App& command, TrustOptions& trust) {
  auto* policy = command.add_option("--policy", trust.policy_file, "appraisal policy, a TOML file");
  auto* root = command.add_option("--trust-root", trust.trust_root_files,
                                  "root certificate (PEM or DER) to accept besides the hardware "
                                  "vendors', such as a simulated TEE's; may be repeated");
  // One value each time: what follows is the question or the evidence.
  root->allow_extra_args(false);
  policy->excludes(root);
  policy->type_name("FILE");
  root->type_name("PEM|DER");
}

void add_fetch(CLI::App& command, FetchOptions& fetch) {
  constexpr auto kGroup = "Fetching collateral";
  auto* wanted = command.add_flag("--fetch", fetch.fetch,
                                  "get what is missing from the vendors' services, or those below");
  wanted->group(kGroup);
  command
      .add_option("--cache", fetch.cache_folder,
                  "folder that keeps what was fetched, used without --fetch too; with it the "
                  "default is $XDG_CACHE_HOME/confide")
      ->type_name("DIR")
      ->group(kGroup);
  const auto service = [&](const char* name, std::string& url, const char* what) {
    command.add_option(name, url, what)
        ->type_name("URL")
        ->capture_default_str()
        ->needs(wanted)
        ->group(kGroup);
  };
  service("--pcs-url", fetch.sources.pcs, "Intel's PCS, or a PCCS");
  service("--kds-url", fetch.sources.kds, "AMD's KDS");
  service("--rim-url", fetch.sources.rim, "NVIDIA's RIM service");
  service("--ocsp-url", fetch.sources.ocsp, "NVIDIA's OCSP responder");
  command.add_option("--timeout", fetch.timeout_seconds, "seconds to wait for an answer")
      ->check(CLI::Range(1, 600))
      ->capture_default_str()
      ->needs(wanted)
      ->group(kGroup);
}

void add_json(CLI::App& command, bool& json) {
  command.add_flag("--json", json, "print one JSON document on stdout");
}

}  // namespace confide::app
