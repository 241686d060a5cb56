#include "verify/gpu_device.h"

#include <utility>

#include <fmt/format.h>

#include "verify/findings.h"
#include "verify/gpu_acceptance.h"
#include "verify/gpu_claims.h"
#include "verify/gpu_measurements.h"
#include "verify/gpu_ocsp.h"

namespace confide::verify {
namespace {

using evidence::GpuDeviceKind;
using evidence::GpuOpaque;
using evidence::Rim;
using evidence::SpdmReport;

struct Evidence {
  Result<SpdmReport> report;
  Result<GpuOpaque> opaque;
  Result<CertificateChain> chain;
};

Result<GpuOpaque> read_opaque(const Result<SpdmReport>& report) {
  if (!report) return tl::unexpected<Error>(report.error());
  return evidence::parse_gpu_opaque(*report);
}

Result<CertificateChain> read_chain(std::string_view pem) {
  auto chain = crypto::parse_pem_chain(pem);
  if (!chain) return fail(chain.error().code, "G6: " + chain.error().message);
  return chain;
}

// Judges one device, step by step; later steps need what earlier ones found.
class DeviceJudge {
 public:
  DeviceJudge(const evidence::GpuEvidence& given, GpuContext& context, JudgedDevice& out)
      : given_(given), context_(context), out_(out), findings_(out.verdict) {
    report_ = evidence::parse_spdm_report(given.report);
    opaque_ = read_opaque(report_);
    chain_ = read_chain(given.chain_pem);
  }

  void run() {
    judge_evidence();
    judge_device_revocation();
    judge_references();
    judge_policy();
    add_evidence_claims();
    finish();
  }

 private:
  // G1 to G9.
  void judge_evidence() {
    findings_.check("gpu.report.parse", status_of(opaque_));
    if (!opaque_) name("parse");
    if (report_ && report_->surplus != 0) {
      name(fmt::format("signature_length={}", report_->signature.size() + report_->surplus));
    }
    judge_chain();
    judge_signature();
    judge_fwid();
    judge_nonce();
    judge_architecture();
  }

  void judge_chain() {
    if (!chain_) {
      root_ = tl::unexpected<Error>(chain_.error());
    } else {
      root_ = judge_device_chain(*chain_, context_.policy, context_.at);
    }
    findings_.check("gpu.device.chain", status_of(root_),
                    root_ ? "to " + root_->certificate.common_name() : "");
    const std::size_t length = chain_ ? chain_->size() : 0;
    if (length != kDeviceChainLength) {
      name(fmt::format("chain_length={}", length));
    } else if (!root_) {
      name("chain");
    }
  }

  void judge_signature() {
    const Status valid = [this]() -> Status {
      TRY_ASSIGN(const SpdmReport* const report, need(report_));
      TRY_ASSIGN(const CertificateChain* const chain, need(chain_));
      return check_report_signature(*report, chain->front());
    }();
    findings_.check("gpu.report.signature", valid);
    if (!valid) name("report_signature");
  }

  void judge_fwid() {
    const Status matches = [this]() -> Status {
      TRY_ASSIGN(const GpuOpaque* const opaque, need(opaque_));
      TRY_ASSIGN(const CertificateChain* const chain, need(chain_));
      return check_fwid(*opaque, chain->front());
    }();
    findings_.check("gpu.device.fwid", matches);
    if (!matches) name("fwid");
  }

  void judge_nonce() {
    const Status equal = [this]() -> Status {
      TRY_ASSIGN(const SpdmReport* const report, need(report_));
      return check_nonce(*report, context_.nonce);
    }();
    findings_.check("gpu.report.nonce", equal);
    if (!equal) name("nonce");
  }

  void judge_architecture() {
    if (chain_) architecture_ = architecture_of(chain_->front());
    const Status known = [this]() -> Status {
      TRY_ASSIGN(const GpuOpaque* const opaque, need(opaque_));
      TRY(need(status_of(root_)));
      return check_architecture(architecture_, given_, *opaque);
    }();
    findings_.check("gpu.device.architecture", known, architecture_);
    if (!known && root_ && opaque_) name("architecture");
  }

  // G20 to G23. Devices make their own certificate, which nobody can revoke: it starts above it.
  void judge_device_revocation() { judge_ocsp("gpu.device.ocsp", status_of(root_), 1); }

  void judge_ocsp(const std::string& id, const Status& trusted, std::size_t first,
                  const CertificateChain* path = nullptr) {
    if (context_.ocsp.empty() && !context_.policy.gpu.require_ocsp) {
      findings_.verdict().skip(id, "no answers given or demanded");
      return;
    }
    if (const Status needed = need(trusted); !needed) {
      findings_.check(id, needed);
      return;
    }
    const auto found = judge_revocation(path != nullptr ? *path : *chain_, first, context_.ocsp,
                                        context_.policy.gpu, context_.at);
    for (const RevocationFinding& finding : found) out_.ocsp_findings.push_back(finding.finding);
    Status status;
    if (!found.empty()) status = tl::unexpected<Error>(found.front().error);
    findings_.check(id, status);
  }

  // G11 to G19.
  void judge_references() {
    if (opaque_) {
      out_.rim_ids = evidence::rim_ids_of(*opaque_, architecture_);
      out_.verdict.claims["rim_ids"] = out_.rim_ids;
    }
    const bool is_switch = opaque_ && opaque_->kind == GpuDeviceKind::nvswitch;
    if (!context_.has_references && !context_.policy.gpu.require_reference_values) {
      findings_.verdict().skip("gpu.measurements", "no reference values given or demanded");
      return;
    }
    if (!is_switch) {
      judge_rim("driver", context_.driver_rims, &GpuOpaque::driver_version);
    }
    judge_rim("vbios", context_.vbios_rims, &GpuOpaque::vbios_version);
    judge_measurements();
  }

  void judge_rim(const std::string& role, RimShelf& shelf, std::string GpuOpaque::* version) {
    const std::string prefix = "rim." + role;
    ShelvedRim* shelved = shelf.find(opaque_ ? (*opaque_).*version : std::string());
    if (shelved == nullptr) {
      is_complete_ = false;
      for (const char* step : {".parse", ".signature", ".chain", ".version", ".ocsp"}) {
        findings_.check(prefix + step, fail(Errc::unavailable, "G11: no such manifest given"));
      }
      return;
    }
    const Result<Rim>& rim = shelved->rim();
    const RimSigners& signers = shelved->signers(context_.policy, context_.at);
    std::vector<std::string> names = signers.findings;
    if (!rim) names.insert(names.begin(), "rim_parse");
    findings_.check(prefix + ".parse", status_of(rim));
    findings_.check(prefix + ".signature", status_of(signers.chain));
    const Status chained = check_signer_root(signers);
    findings_.check(prefix + ".chain", chained);
    if (!chained && signers.root) names.emplace_back("rim_chain");
    if (signers.root && signers.root->simulated) out_.verdict.simulated = true;
    const Status fits = check_version(rim, version);
    findings_.check(prefix + ".version", fits);
    if (!fits && rim && opaque_) names.emplace_back("rim_version");
    const CertificateChain path = signers.root ? signers.path() : CertificateChain();
    judge_ocsp(prefix + ".ocsp", chained, 0, &path);
    if (rim) {
      rims_.push_back(&*rim);
    } else {
      is_complete_ = false;
    }
    out_.verdict.claims["rims"][role + "_rim"] =
        Json{{"findings", names}, {"version", rim ? Json(rim->version) : Json()}};
  }

  // A root named by the user may vouch for anything, but not for both: else any device could sign
  // its own reference values.
  Status check_signer_root(const RimSigners& signers) {
    TRY(status_of(signers.root));
    if (root_ && root_->certificate == signers.root->certificate) {
      return fail(Errc::untrusted, "G14: a root of devices, not of reference values");
    }
    return {};
  }

  Status check_version(const Result<Rim>& rim, std::string GpuOpaque::* version) {
    TRY_ASSIGN(const Rim* const found, need(rim));
    TRY_ASSIGN(const GpuOpaque* const opaque, need(opaque_));
    if (is_version(*found, opaque->*version)) return {};
    return fail(Errc::mismatch, fmt::format("G15: reference values of {}, the device runs {}",
                                            found->version, opaque->*version));
  }

  void judge_measurements() {
    const Status matching = [this]() -> Status {
      TRY_ASSIGN(const SpdmReport* const report, need(report_));
      TRY_ASSIGN(const GpuOpaque* const opaque, need(opaque_));
      const auto comparison = compare_measurements(*report, *opaque, rims_);
      if (!rims_.empty()) out_.verdict.claims["measurements"] = to_json(comparison);
      TRY(accept_measurements(comparison, rims_));
      if (!is_complete_) {
        return fail(Errc::unavailable,
                    fmt::format("G11: compared with {} manifests, not with all", rims_.size()));
      }
      return {};
    }();
    findings_.check("gpu.measurements", matching);
    matches_references_ = matching.has_value();
  }

  // G30 to G33.
  void judge_policy() {
    const GpuPolicy& policy = context_.policy.gpu;
    const bool is_switch = opaque_ && opaque_->kind == GpuDeviceKind::nvswitch;
    if (is_switch) {
      findings_.verdict().skip("gpu.mode", "a switch has none");
    } else if (opaque_ && !opaque_->mode && policy.modes.empty()) {
      findings_.verdict().skip("gpu.mode", "unknown: the report does not state it");
    } else {
      findings_.check("gpu.mode", [&]() -> Status {
        TRY_ASSIGN(const GpuOpaque* const opaque, need(opaque_));
        return accept_mode(*opaque, policy);
      }());
    }
    findings_.check("gpu.policy", [&]() -> Status {
      TRY_ASSIGN(const GpuOpaque* const opaque, need(opaque_));
      return accept_device(architecture_, *opaque, policy);
    }());
  }

  void add_evidence_claims() {
    Json& claims = out_.verdict.claims;
    if (opaque_) add_claims(claims, *report_, *opaque_);
    if (chain_) add_claims(claims, *chain_);
    if (opaque_) {
      claims["kind"] = opaque_->kind == GpuDeviceKind::gpu ? "gpu" : "switch";
    }
    claims["architecture"] = architecture_;
    // NVIDIA's reference values are those of production mode; nothing else in a report tells.
    claims["dbgstat"] = matches_references_ ? "disabled" : "unknown";
    claims["evidence_ok"] = names_.empty();
    claims["evidence_findings"] = names_;
  }

  void finish() {
    if (root_ && root_->simulated) out_.verdict.simulated = true;
    if (opaque_ && chain_) out_.seen = SeenDevice{.opaque = *opaque_, .chain = *chain_};
    out_.first_failure = findings_.first_failure();
    out_.verdict.claims["attested"] = !out_.first_failure.has_value();
    if (out_.first_failure) return;
    out_.verified = VerifiedGpu{.kind = opaque_->kind,
                                .architecture = architecture_,
                                .ueid = decimal_of(chain_->front().serial()),
                                .driver_version = opaque_->driver_version,
                                .vbios_version = opaque_->vbios_version,
                                .mode = opaque_->mode,
                                .matches_references = matches_references_};
  }

  void name(std::string finding) { names_.push_back(std::move(finding)); }

  const evidence::GpuEvidence& given_;
  GpuContext& context_;
  JudgedDevice& out_;
  Findings findings_;
  Result<SpdmReport> report_ = fail(Errc::internal, "not read");
  Result<GpuOpaque> opaque_ = fail(Errc::internal, "not read");
  Result<CertificateChain> chain_ = fail(Errc::internal, "not read");
  Result<TrustRoot> root_ = fail(Errc::internal, "not judged");
  std::string architecture_;
  std::vector<const Rim*> rims_;
  bool is_complete_ = true;  // every manifest the device needs could be read
  bool matches_references_ = false;
  std::vector<std::string> names_;  // of what is wrong with the evidence itself
};

}  // namespace

JudgedDevice judge_device(const evidence::GpuEvidence& given, GpuContext& context) {
  JudgedDevice out;
  DeviceJudge(given, context, out).run();
  return out;
}

}  // namespace confide::verify
