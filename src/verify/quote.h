// Appraises a quote of either TEE of Intel's: for callers who take what comes.
#pragma once

#include "verify/endorsements.h"
#include "verify/policy.h"
#include "verify/verdict.h"

namespace confide::verify {

// verify_sgx() if the quote says that it is an enclave's, else verify_tdx(), for those who want the
// verdict and not the proof.
Status verify_quote(ByteView quote, const Endorsements& endorsements, const Policy& policy, Time at,
                    Verdict& verdict);

}  // namespace confide::verify
