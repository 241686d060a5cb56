// What a policy says about a genuine SEV-SNP report. Private to verify/; rules S14 to S19 of
// docs/protocols/snp.md. All fail with `policy`, unless said otherwise.
#pragma once

#include <string>
#include <vector>

#include "crypto/amd_extension.h"
#include "evidence/snp_report.h"
#include "verify/snp_policy.h"

namespace confide::verify {

// S14.
Status accept_guest_policy(const evidence::SnpGuestPolicy& guest, const SnpPolicy& policy);
// S15.
Status accept_platform_info(const evidence::SnpPlatformInfo& info, const SnpPolicy& policy);
// S16. `certified` is REPORTED_TCB, which the leaf vouches for.
Status accept_tcb(const evidence::SnpReport& report, const evidence::SnpTcb& certified,
                  evidence::SnpProduct product, const SnpPolicy& policy);
// S17.
Status accept_firmware(const evidence::SnpReport& report, const SnpPolicy& policy);
// S18.
Status accept_guest(const evidence::SnpReport& report, const SnpPolicy& policy);

bool pins_values(const SnpPolicy& policy);
// S19. `leaf` may be null where the policy pins neither chips nor providers.
Status accept_values(const evidence::SnpReport& report, const crypto::AmdExtension* leaf,
                     const SnpPolicy& policy);

// What the strict policy refuses, and what it only mentions; names as in the claims.
std::vector<std::string> policy_findings(const evidence::SnpReport& report);
std::vector<std::string> informational_findings(const evidence::SnpReport& report);

}  // namespace confide::verify
