#include "evidence/gpu_evidence.h"

#include "base/base64.h"

namespace confide::evidence {
namespace {

constexpr std::string_view kSwitchArchitecture = "LS10";

std::string text_or_empty(const Json& object, std::string_view name) {
  const Json* member = json::find(object, name);
  return member != nullptr && member->is_string() ? member->get<std::string>() : std::string();
}

Result<GpuEvidence> parse_item(const Json& item, const std::string& architecture) {
  GpuEvidence out;
  TRY_ASSIGN(const std::string certificate, json::get_string(item, "certificate"));
  TRY_ASSIGN(const std::string report, json::get_string(item, "evidence"));
  TRY_ASSIGN(const Bytes chain, from_base64(certificate));
  TRY_ASSIGN(out.report, from_base64(report));
  out.chain_pem = as_text(chain);
  out.architecture = text_or_empty(item, "arch");
  if (out.architecture.empty()) out.architecture = architecture;
  if (!out.architecture.empty()) {
    out.kind =
        out.architecture == kSwitchArchitecture ? GpuDeviceKind::nvswitch : GpuDeviceKind::gpu;
  }
  return out;
}

Status parse_list(const Json& list, const std::string& architecture, GpuEvidenceList& out) {
  if (list.size() > kMaxGpuDevices) return fail(Errc::limit, "GPU evidence: too many devices");
  for (const Json& item : list) {
    TRY_ASSIGN(GpuEvidence device, parse_item(item, architecture));
    out.devices.push_back(std::move(device));
    if (out.nonce.empty()) out.nonce = text_or_empty(item, "nonce");
  }
  return {};
}

}  // namespace

Result<GpuEvidenceList> parse_gpu_evidence(const Json& document) {
  GpuEvidenceList out;
  if (document.is_array()) {
    TRY(parse_list(document, "", out));
    return out;
  }
  out.nonce = text_or_empty(document, "nonce");
  TRY_ASSIGN(const Json* const list, json::get_array(document, "evidence_list"));
  TRY(parse_list(*list, text_or_empty(document, "arch"), out));
  return out;
}

}  // namespace confide::evidence
