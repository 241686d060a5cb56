#include "verify/rim.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "verify/findings.h"
#include "verify/gpu_claims.h"
#include "verify/gpu_ocsp.h"
#include "verify/rim_signers.h"

namespace confide::verify {
namespace {

std::string describe_rim(const evidence::Rim& rim) {
  return fmt::format("{} {} {}", rim.product, to_string(rim.kind), rim.version);
}
void judge_ocsp(const RimSigners& signers, std::span<const Bytes> ocsp, const Policy& policy,
                Time at, Findings& findings, std::vector<std::string>& names) {
  if (ocsp.empty() && !policy.gpu.require_ocsp) {
    findings.verdict().skip("rim.ocsp", "no answers given or demanded");
    return;
  }
  if (const auto root = need(signers.root); !root) {
    findings.check("rim.ocsp", tl::unexpected<Error>(root.error()));
    return;
  }
  const auto found = judge_revocation(signers.path(), 0, ocsp, policy.gpu, at);
  for (const RevocationFinding& finding : found) names.push_back(finding.finding);
  Status status;
  if (!found.empty()) status = tl::unexpected<Error>(found.front().error);
  findings.check("rim.ocsp", status);
}

}  // namespace

Result<evidence::Rim> verify_rim(std::string_view xml, std::span<const Bytes> ocsp,
                                 const Policy& policy, Time at, Verdict& verdict) {
  Findings findings(verdict);
  auto rim = findings.record("rim.parse", evidence::parse_rim(xml), describe_rim);
  RimSigners signers = judge_rim_signers(xml, policy, at);
  findings.check("rim.signature", status_of(signers.chain));
  findings.check("rim.chain", status_of(signers.root));
  if (!rim) signers.findings.insert(signers.findings.begin(), "rim_parse");
  judge_ocsp(signers, ocsp, policy, at, findings, signers.findings);
  if (rim) add_claims(verdict.claims, *rim);
  verdict.claims["xmldsig_ok"] = signers.chain.has_value();
  verdict.claims["chain_ok"] = signers.root.has_value();
  verdict.claims["findings"] = signers.findings;
  if (signers.root && signers.root->simulated) verdict.simulated = true;
  if (findings.first_failure()) return tl::unexpected<Error>(*findings.first_failure());
  return rim;
}

}  // namespace confide::verify
