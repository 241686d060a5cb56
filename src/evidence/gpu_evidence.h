// NVIDIA attestation evidence as it travels: one SPDM report and one certificate chain a device,
// and the JSON forms that NVIDIA's SDK and the OpenAI-compatible proxies write. Judges nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"

namespace confide::evidence {

enum class GpuDeviceKind { gpu, nvswitch };

// Nothing in it is believed before verify/ has checked its signatures.
struct GpuEvidence {
  std::optional<GpuDeviceKind> kind;  // as the sender says; absent: the report decides
  std::string architecture;           // as the sender says: HOPPER, BLACKWELL, LS10; may be empty
  Bytes report;                       // GET_MEASUREMENTS request || MEASUREMENTS response
  std::string chain_pem;              // leaf first
};

// Reference values and revocation answers, in the roles their giver says they have.
struct GpuReferences {
  std::vector<std::string> driver_rims;  // XML documents, one for each driver version
  std::vector<std::string> vbios_rims;   // likewise; those of NVSwitches too
  std::vector<Bytes> ocsp;               // DER OCSP responses, in any order
};

// Evidence with the nonce it says it answers. The verifier compares with its own.
struct GpuEvidenceList {
  std::string nonce;  // as written; may be empty
  std::vector<GpuEvidence> devices;
};

inline constexpr std::size_t kMaxGpuDevices = 64;

// Reads either of: NVIDIA's list `[{"certificate","evidence","arch","nonce"}, ...]`, and
// `nvidia_payload` `{"nonce","evidence_list":[...],"arch"}`, whose list may be empty. `certificate`
// is base64 of the PEM chain, `evidence` base64 of the report. Fails with `malformed`, `limit`.
Result<GpuEvidenceList> parse_gpu_evidence(const Json& document);

}  // namespace confide::evidence
