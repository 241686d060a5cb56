// Appraises an SGX quote by the same rules as a TDX quote (docs/protocols/tdx.md).
// Pure: no socket, no clock.
#pragma once

#include "evidence/dcap_quote.h"
#include "evidence/tdx_collateral.h"
#include "verify/endorsements.h"
#include "verify/policy.h"
#include "verify/verdict.h"

namespace confide::verify {

// Proof that a quote is genuine and acceptable; only verify_sgx() makes one.
class VerifiedSgx {
 public:
  const evidence::EnclaveReport& enclave() const noexcept { return enclave_; }
  bool simulated() const noexcept { return simulated_; }

 private:
  friend Result<VerifiedSgx> verify_sgx(ByteView, const Endorsements&, const Policy&, Time,
                                        Verdict&);
  VerifiedSgx(const evidence::EnclaveReport& enclave, bool simulated)
      : enclave_(enclave), simulated_(simulated) {}
  evidence::EnclaveReport enclave_;
  bool simulated_ = false;
};

// Records every check (ids sgx.*) and the claims (tcb_status, mr_enclave, mr_signer, ...) in
// `verdict`; returns the proof only if all passed. The error repeats the first check that failed.
Result<VerifiedSgx> verify_sgx(ByteView quote, const Endorsements& endorsements,
                               const Policy& policy, Time at, Verdict& verdict);

// The same for one quote. Null collateral fails the checks that need it.
Result<VerifiedSgx> verify_sgx(ByteView quote, const evidence::TdxCollateral* collateral,
                               const Policy& policy, Time at, Verdict& verdict);

}  // namespace confide::verify
