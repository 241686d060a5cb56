// Appraises NVIDIA's reference integrity manifests: signature, signer's chain, revocation. Pure.
// Rules G12 to G14 of docs/protocols/gpu.md.
#pragma once

#include <span>
#include <string_view>

#include "evidence/gpu_evidence.h"
#include "evidence/rim.h"
#include "verify/policy.h"
#include "verify/verdict.h"

namespace confide::verify {

// Judges one manifest by itself. Records rim.parse, rim.signature, rim.chain and rim.ocsp, and the
// claims product, edition, version, kind, resources, active, signer_chain, xmldsig_ok, chain_ok,
// findings. `ocsp` may be empty if the policy does not demand answers.
Result<evidence::Rim> verify_rim(std::string_view xml, std::span<const Bytes> ocsp,
                                 const Policy& policy, Time at, Verdict& verdict);

}  // namespace confide::verify
