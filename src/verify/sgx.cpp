#include "verify/sgx.h"

#include "verify/dcap.h"

namespace confide::verify {
namespace {

// Only a quote that read_quote() took for an enclave's comes here.
PolicyFindings find_attributes(const evidence::DcapQuote& quote) {
  return find_in_enclave_attributes(quote.enclave()->attributes);
}

}  // namespace

Result<VerifiedSgx> verify_sgx(ByteView quote, const Endorsements& endorsements,
                               const Policy& policy, Time at, Verdict& verdict) {
  const DcapContext context{
      .tee = Tee::sgx, .endorsements = endorsements.impl(), .policy = policy, .at = at};
  Findings findings(verdict);
  const DcapJudged judged = judge_dcap(quote, context, findings);
  judge_body(context, judged, "enclave.attributes", "T32", find_attributes, findings);
  judge_measurements(context, judged, findings);
  if (findings.first_failure()) return tl::unexpected<Error>(*findings.first_failure());
  return VerifiedSgx(*judged.quote->enclave(), judged.root->simulated);
}

Result<VerifiedSgx> verify_sgx(ByteView quote, const evidence::TdxCollateral* collateral,
                               const Policy& policy, Time at, Verdict& verdict) {
  return verify_sgx(quote, Endorsements(collateral), policy, at, verdict);
}

}  // namespace confide::verify
