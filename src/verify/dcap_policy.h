// What a policy says about a genuine quote. Private to verify/; rules T25 to T28 and T30 to T32 of
// docs/protocols/tdx.md. All that return a Status fail with `policy`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "evidence/dcap_quote.h"
#include "verify/dcap_tcb.h"
#include "verify/policy.h"

namespace confide::verify {

// T25.
Status accept_status(const TcbEvaluation& tcb, const Policy& policy, Time at);
// T26.
Status accept_advisories(const TcbEvaluation& tcb, const Policy& policy, Time at);
// T27, T30, T31, T32: what speaks against trusting the TD or enclave, by the names that the claim
// `policy_findings` uses. Empty: nothing.
using PolicyFindings = std::vector<std::string>;
PolicyFindings find_in_td_attributes(const ByteArray<8>& attributes);
PolicyFindings find_in_xfam(const ByteArray<8>& xfam);
PolicyFindings find_in_service_td(const evidence::TdReport& td);
PolicyFindings find_in_enclave_attributes(const ByteArray<16>& attributes);
// Fails if there are any, naming them all behind the rule's number.
Status accept_findings(std::string_view rule, const PolicyFindings& findings);

// T28.
Status accept_measurements(const evidence::DcapQuote& quote, const Policy& policy);

// The register of one of kMeasurementNames, or null.
const evidence::Measurement* find_register(const evidence::TdReport& td, std::string_view name);

}  // namespace confide::verify
