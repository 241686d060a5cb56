#include "verify/tdx.h"

#include "verify/dcap.h"

namespace confide::verify {
namespace {

// Only a quote that read_quote() took for a TD's comes here.
PolicyFindings find_attributes(const evidence::DcapQuote& quote) {
  return find_in_td_attributes(quote.td()->td_attributes);
}
PolicyFindings find_xfam(const evidence::DcapQuote& quote) {
  return find_in_xfam(quote.td()->xfam);
}
PolicyFindings find_service_td(const evidence::DcapQuote& quote) {
  return find_in_service_td(*quote.td());
}

}  // namespace

Result<VerifiedTdx> verify_tdx(ByteView quote, const Endorsements& endorsements,
                               const Policy& policy, Time at, Verdict& verdict) {
  const DcapContext context{
      .tee = Tee::tdx, .endorsements = endorsements.impl(), .policy = policy, .at = at};
  Findings findings(verdict);
  const DcapJudged judged = judge_dcap(quote, context, findings);
  judge_body(context, judged, "td.attributes", "T27", find_attributes, findings);
  judge_body(context, judged, "td.xfam", "T30", find_xfam, findings);
  judge_body(context, judged, "td.service", "T31", find_service_td, findings);
  judge_measurements(context, judged, findings);
  if (findings.first_failure()) return tl::unexpected<Error>(*findings.first_failure());
  return VerifiedTdx(*judged.quote->td(), judged.root->simulated);
}

Result<VerifiedTdx> verify_tdx(ByteView quote, const evidence::TdxCollateral* collateral,
                               const Policy& policy, Time at, Verdict& verdict) {
  return verify_tdx(quote, Endorsements(collateral), policy, at, verdict);
}

}  // namespace confide::verify
