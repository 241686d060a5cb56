// What binds one piece of evidence to another: rules of who puts what into report_data, and of a
// GPU to the CPU it works for. Rules B1 to B5 of docs/protocols/binding.md.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "evidence/dcap_quote.h"
#include "evidence/gpu_evidence.h"
#include "evidence/hcl_report.h"
#include "evidence/spdm.h"
#include "verify/event_log.h"
#include "verify/verdict.h"

namespace confide::verify {

// How a GPU's nonce follows from the CPU's report_data.
enum class GpuNonceRule {
  derived,           // SHA-256("confide.gpu_nonce.v1" || 0x00 || report_data): Confide's own
  report_data_tail,  // report_data[32..64): the OpenAI-compatible proxies of dstack
};

// B1. Fails with `mismatch` if the tail is all zero: such report_data holds no nonce.
Result<evidence::SpdmNonce> gpu_nonce(GpuNonceRule rule, const evidence::ReportData& report_data);

// What stands beside a verified quote or report; pointers are not owned.
struct GpuBinding {
  evidence::ReportData report_data{};  // of the verified quote or report, and fresh
  GpuNonceRule rule = GpuNonceRule::derived;
  std::span<const evidence::GpuEvidence> devices{};
  // The document that the log must name, its exact bytes; without a log it is not asked for.
  std::optional<std::string_view> document{};
  const VerifiedEventLog* log = nullptr;
};

// Proof that the devices answered for this CPU quote; says nothing of what they are, which is
// verify_gpus()'s. Only verify_gpu_binding() makes one.
class VerifiedGpuBinding {
 public:
  const evidence::SpdmNonce& nonce() const noexcept { return nonce_; }

 private:
  friend Result<VerifiedGpuBinding> verify_gpu_binding(const GpuBinding&, Verdict&);
  explicit VerifiedGpuBinding(const evidence::SpdmNonce& nonce) : nonce_(nonce) {}
  evidence::SpdmNonce nonce_;
};

// Check ids: binding.gpu.nonce (B1) and binding.gpu.digest (B2, B3; skipped without a log). The
// error repeats the first that failed.
Result<VerifiedGpuBinding> verify_gpu_binding(const GpuBinding& binding, Verdict& verdict);

// B4: report_data of a near/mpc node, whose two Ed25519 keys it names.
evidence::ReportData near_mpc_report_data(const ByteArray<32>& tls_key,
                                          const ByteArray<32>& account_key);

// B5: what report_data must be for this runtime data; its hash, then zeros.
evidence::ReportData hcl_report_data(const evidence::HclReport& report);
// B5, against the report_data of a verified quote or report. Fails with `mismatch`.
Status check_hcl_binding(const evidence::HclReport& report,
                         const evidence::ReportData& report_data);

}  // namespace confide::verify
