// Appraises a TDX quote: Intel's rules for PCK certificates, TCB levels, QE and module identity.
// Pure: no socket, no clock. Rules are numbered in docs/protocols/tdx.md.
#pragma once

#include "evidence/dcap_quote.h"
#include "evidence/tdx_collateral.h"
#include "verify/endorsements.h"
#include "verify/policy.h"
#include "verify/verdict.h"

namespace confide::verify {

// Proof that a quote is genuine and acceptable; only verify_tdx() makes one.
class VerifiedTdx {
 public:
  const evidence::TdReport& td() const noexcept { return td_; }
  bool simulated() const noexcept { return simulated_; }

 private:
  friend Result<VerifiedTdx> verify_tdx(ByteView, const Endorsements&, const Policy&, Time,
                                        Verdict&);
  VerifiedTdx(const evidence::TdReport& td, bool simulated) : td_(td), simulated_(simulated) {}
  evidence::TdReport td_;
  bool simulated_ = false;
};

// Records every check (ids tdx.*) and the claims (tcb_status, advisory_ids, mr_td, rtmr0..3,
// report_data, ...) in `verdict`; returns the proof only if all that the policy demands passed.
// The error repeats the first check that failed. The same endorsements serve any number of quotes.
Result<VerifiedTdx> verify_tdx(ByteView quote, const Endorsements& endorsements,
                               const Policy& policy, Time at, Verdict& verdict);

// The same for one quote. Null collateral fails the checks that need it.
Result<VerifiedTdx> verify_tdx(ByteView quote, const evidence::TdxCollateral* collateral,
                               const Policy& policy, Time at, Verdict& verdict);

}  // namespace confide::verify
