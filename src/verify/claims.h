// What a verdict says of a session, in the words of ACI's session documents. Contract 2.5; rules C1
// to C7 of docs/protocols/policy.md.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "verify/policy.h"
#include "verify/verdict.h"

namespace confide::verify {

enum class ClaimStatus { asserted, refuted, unknown };
// Who vouches for it. This library makes the first two; the others come from a service's own words.
enum class ClaimSource { hardware_proven, verifier_derived, provider_asserted, operator_asserted };

std::string_view to_string(ClaimStatus status) noexcept;
std::string_view to_string(ClaimSource source) noexcept;

struct Claim {
  ClaimStatus status = ClaimStatus::unknown;
  // Both mean something only if the status is not unknown.
  ClaimSource source = ClaimSource::verifier_derived;
  std::string reason;

  // {"status"}, or {"status","source","reason"}.
  Json to_json() const;
};

struct SessionClaims {
  Claim tee_attested;
  Claim gpu_attested;
  Claim tcb_up_to_date;
  Claim os_known_good;
  Claim serving_software_known_good;
  Claim model_weights_provenance;

  Json to_json() const;  // the six members, by these names
};

// Reads the checks of verify_tdx(), verify_snp(), verify_gpus(), verify_gpu_binding() and of the
// client's appraisal. What nobody checked is unknown; what was pinned by nobody is never known
// good.
SessionClaims session_claims(const Verdict& verdict, const Policy& policy);

}  // namespace confide::verify
