#include "verify/snp.h"

#include <utility>

#include "commands.h"
#include "evidence/snp_report.h"
#include "finder.h"
#include "outcome.h"
#include "output.h"

namespace confide::app {
namespace {

Result<std::optional<evidence::SnpCertificates>> find_certificates(const SnpOptions& options,
                                                                   ByteView report, Time at) {
  std::optional<evidence::SnpCertificates> found;
  if (!options.certificate_paths.empty()) {
    const auto parsed = evidence::parse_snp_report(report);
    std::optional<evidence::SnpSigningKey> key;
    if (parsed) key = parsed->key_info.signing_key();
    TRY_ASSIGN(found, collateral::read_snp_certificates(options.certificate_paths, key));
  }
  if (options.common.fetch.none()) return found;
  if (!found) found.emplace();
  TRY_ASSIGN(Finder finder, Finder::open(options.common.fetch, at));
  TRY(finder.complete(report, *found, options.common.json));
  return found;
}

}  // namespace

int verify_snp(const SnpOptions& options) {
  const bool json = options.common.json;
  const auto ground = load_ground(options.common);
  if (!ground) return unusable(ground.error(), json);
  const auto report = load_evidence(options.common.path, "report", {"report.bin"});
  if (!report) return unusable(report.error(), json);
  const auto found = find_certificates(options, *report, ground->at);
  if (!found && !is_damage(found.error())) return give_up(found.error(), json);

  Outcome outcome;
  outcome.proven = "genuine AMD SEV-SNP hardware";
  const auto proof = verify::verify_snp(*report, found && *found ? &**found : nullptr,
                                        ground->policy, ground->at, outcome.verdict);
  if (!proof) outcome.error = proof.error();
  if (!found) {
    outcome.error = found.error();
    if (!json) say("confide: " + found.error().message);
  } else if (!*found) {
    outcome.hint = "no certificates: give --certs DIR or --fetch";
  }
  add_session_claims(outcome, ground->policy);
  return conclude(options.common, outcome);
}

}  // namespace confide::app
