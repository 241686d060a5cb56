// What the appraisals of SGX and TDX quotes have in common: all of DCAP but the judging of the
// enclave or TD itself. Private to verify/; rules T1 to T26 and T29 of docs/protocols/tdx.md.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "verify/dcap_chain.h"
#include "verify/dcap_policy.h"
#include "verify/dcap_tcb.h"
#include "verify/endorsements.h"
#include "verify/findings.h"
#include "verify/policy.h"

namespace confide::verify {

// What a quote is judged by. The check ids begin with the TEE's name.
struct DcapContext {
  Tee tee;
  const Endorsements::Impl& endorsements;
  const Policy& policy;
  Time at;

  std::string id(std::string_view check) const;
};

// What was found in the quote itself.
struct DcapJudged {
  Result<evidence::DcapQuote> quote;
  Result<std::shared_ptr<const PckChain>> pck;
  Result<TrustRoot> root;
};

// Records all checks from <tee>.quote.parse to <tee>.tcb.advisories with their claims, and whether
// the root is simulated.
DcapJudged judge_dcap(ByteView quote, const DcapContext& context, Findings& findings);

// Records one check of the TD or enclave: none of what `find` finds may be. Adds it to the claim
// `policy_findings`.
void judge_body(const DcapContext& context, const DcapJudged& judged, std::string_view check,
                std::string_view rule, PolicyFindings (*find)(const evidence::DcapQuote&),
                Findings& findings);

// Records policy.measurements.
void judge_measurements(const DcapContext& context, const DcapJudged& judged, Findings& findings);

}  // namespace confide::verify
