#include "verify/binding.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "crypto/hash.h"
#include "verify/findings.h"

namespace confide::verify {
namespace {

using evidence::ReportData;
using evidence::SpdmNonce;

constexpr std::string_view kNonceDomain("confide.gpu_nonce.v1\0", 21);
constexpr std::string_view kGpuEvent = "gpu-attestation";
constexpr std::size_t kNonceAt = 32;
constexpr std::uint8_t kNearMpcVersion = 1;

Status check_device(const evidence::GpuEvidence& device, std::size_t i, const SpdmNonce& nonce) {
  const auto report = evidence::parse_spdm_report(device.report);
  if (!report) return fail(report.error().code, "B1: " + report.error().message);
  if (report->request.nonce != nonce) {
    return fail(Errc::mismatch,
                fmt::format("B1: device {} answers another nonce than this quote's", i));
  }
  return {};
}

Result<SpdmNonce> judge_nonce(const GpuBinding& binding) {
  TRY_ASSIGN(const SpdmNonce nonce, gpu_nonce(binding.rule, binding.report_data));
  if (binding.devices.empty()) return fail(Errc::not_found, "B1: no GPU evidence");
  for (std::size_t i = 0; i < binding.devices.size(); ++i) {
    TRY(check_device(binding.devices[i], i, nonce));
  }
  return nonce;
}

// B3: what the guest saw of its GPUs when it started.
Status check_mode(const Json& measured) {
  if (json::find(measured, "cc_mode") != nullptr) {
    TRY_ASSIGN(const std::string mode, json::get_string(measured, "cc_mode"));
    if (mode != "on") return fail(Errc::policy, "B3: confidential computing was not on");
  }
  const Json* devtools = json::find(measured, "devtools");
  if (devtools != nullptr && *devtools != false && *devtools != "off") {
    return fail(Errc::policy, "B3: development tools were not off");
  }
  return {};
}

// B2.
Status check_digest(const GpuBinding& binding) {
  TRY_ASSIGN(const Bytes payload, binding.log->platform_event(kGpuEvent));
  TRY_ASSIGN(const Json measured, json::parse(as_text(payload)));
  TRY_ASSIGN(const std::string digest, json::get_string(measured, "evidence_sha256"));
  if (!binding.document) return fail(Errc::unavailable, "B2: the measured document is not given");
  const std::string actual = to_hex(crypto::sha256(as_bytes(*binding.document)));
  if (digest != actual) {
    return fail(Errc::mismatch,
                fmt::format("B2: the document hashes to {}, {} was measured", actual, digest));
  }
  return check_mode(measured);
}

Bytes hash_of(const evidence::HclReport& report) {
  switch (report.hash) {
    case evidence::HclHash::sha256:
      return to_bytes(crypto::sha256(report.runtime_data));
    case evidence::HclHash::sha384:
      return to_bytes(crypto::sha384(report.runtime_data));
    case evidence::HclHash::sha512:
      return to_bytes(crypto::sha512(report.runtime_data));
  }
  return {};
}

}  // namespace

Result<SpdmNonce> gpu_nonce(GpuNonceRule rule, const ReportData& report_data) {
  if (rule == GpuNonceRule::derived) {
    Bytes text = to_bytes(as_bytes(kNonceDomain));
    append(text, report_data);
    return crypto::sha256(text);
  }
  SpdmNonce out{};
  std::ranges::copy(ByteView(report_data).subspan(kNonceAt), out.begin());
  if (out == SpdmNonce{}) return fail(Errc::mismatch, "B1: report_data holds no nonce");
  return out;
}

Result<VerifiedGpuBinding> verify_gpu_binding(const GpuBinding& binding, Verdict& verdict) {
  Findings findings(verdict);
  const auto nonce = findings.record("binding.gpu.nonce", judge_nonce(binding),
                                     [](const SpdmNonce& found) { return to_hex(found); });
  if (binding.log != nullptr) {
    findings.check("binding.gpu.digest", check_digest(binding));
  } else {
    verdict.skip("binding.gpu.digest", "no event log to look in");
  }
  if (findings.first_failure()) return tl::unexpected<Error>(*findings.first_failure());
  return VerifiedGpuBinding(*nonce);
}

ReportData near_mpc_report_data(const ByteArray<32>& tls_key, const ByteArray<32>& account_key) {
  Bytes keys = to_bytes(tls_key);
  append(keys, account_key);
  const auto digest = crypto::sha3_384(keys);
  ReportData out{0, kNearMpcVersion};  // big-endian
  std::ranges::copy(digest, out.begin() + 2);
  return out;
}

ReportData hcl_report_data(const evidence::HclReport& report) {
  ReportData out{};
  std::ranges::copy(hash_of(report), out.begin());
  return out;
}

Status check_hcl_binding(const evidence::HclReport& report, const ReportData& report_data) {
  if (hcl_report_data(report) == report_data) return {};
  return fail(Errc::mismatch, "B5: report_data is not the hash of the runtime data");
}

}  // namespace confide::verify
