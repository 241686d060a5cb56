// What a policy says about a genuine quote. Private to verify/; rules T25 to T28 of
// docs/protocols/tdx.md. All fail with `policy`.
#pragma once

#include "evidence/tdx_quote.h"
#include "verify/policy.h"
#include "verify/tdx_tcb.h"

namespace confide::verify {

// T25.
Status accept_status(const TcbEvaluation& tcb, const Policy& policy, Time at);
// T26.
Status accept_advisories(const TcbEvaluation& tcb, const Policy& policy, Time at);
// T27.
Status accept_td_attributes(const ByteArray<8>& attributes);
// T28.
Status accept_measurements(const evidence::TdReport& td, const Policy& policy);

// The register of one of kMeasurementNames, or null.
const evidence::Measurement* find_register(const evidence::TdReport& td, std::string_view name);

}  // namespace confide::verify
