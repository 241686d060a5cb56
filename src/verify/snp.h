// Appraises an AMD SEV-SNP attestation report: AMD's rules for its certificates, TCB and chip, and
// the user's policy for the guest. Pure: no socket, no clock. Rules are numbered in
// docs/protocols/snp.md.
#pragma once

#include "evidence/snp_certificates.h"
#include "evidence/snp_report.h"
#include "verify/policy.h"
#include "verify/verdict.h"

namespace confide::verify {

// Proof that a report is genuine and acceptable; only verify_snp() makes one.
class VerifiedSnp {
 public:
  const evidence::SnpReport& report() const noexcept { return report_; }
  evidence::SnpProduct product() const noexcept { return product_; }
  bool simulated() const noexcept { return simulated_; }

 private:
  friend Result<VerifiedSnp> verify_snp(ByteView, const evidence::SnpCertificates*, const Policy&,
                                        Time, Verdict&);
  VerifiedSnp(const evidence::SnpReport& report, evidence::SnpProduct product, bool simulated)
      : report_(report), product_(product), simulated_(simulated) {}
  evidence::SnpReport report_;
  evidence::SnpProduct product_;
  bool simulated_ = false;
};

// Records every check (ids snp.*) and the claims (product, chip_id, reported_tcb, measurement,
// report_data, policy_findings, ...) in `verdict`; returns the proof only if all that AMD's rules
// and the policy demand passed. Null certificates fail the checks that need them. What report_data
// must be is the caller's business. The error repeats the first check that failed.
Result<VerifiedSnp> verify_snp(ByteView report, const evidence::SnpCertificates* certificates,
                               const Policy& policy, Time at, Verdict& verdict);

}  // namespace confide::verify
