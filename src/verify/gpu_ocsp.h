// Whether certificates are revoked, by OCSP answers that were given. Private to verify/; rules G20
// to G23 of docs/protocols/gpu.md.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "crypto/x509.h"
#include "verify/gpu_policy.h"

namespace confide::verify {

struct RevocationFinding {
  std::string finding;  // ocsp_missing, ocsp_revoked, ocsp_expired, ocsp_future, ocsp_invalid, ...
  Error error;
};

// Judges every certificate of `path` from `first` up to the root, which ends it and is trusted by
// itself. No finding: each has a current answer that says `good`.
std::vector<RevocationFinding> judge_revocation(std::span<const crypto::Certificate> path,
                                                std::size_t first, std::span<const Bytes> answers,
                                                const GpuPolicy& policy, Time at);

}  // namespace confide::verify
