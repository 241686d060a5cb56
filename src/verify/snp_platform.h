// What a SEV-SNP report and the certificate of its key say of each other. Private to verify/; rules
// S9 to S13 of docs/protocols/snp.md.
#pragma once

#include "crypto/amd_extension.h"
#include "evidence/snp_report.h"
#include "verify/snp_chain.h"

namespace confide::verify {

// S9.
Status check_signing_key(const evidence::SnpReport& report, const SnpChainNames& names);
// S10.
Status check_report_signature(const evidence::SnpReport& report, const crypto::Certificate& leaf);
// S11.
Status check_product(const evidence::SnpReport& report, const crypto::AmdExtension& leaf,
                     const SnpChainNames& names);
// S12. The TCB that the leaf certifies, which is the one reported.
Result<evidence::SnpTcb> check_reported_tcb(const evidence::SnpReport& report,
                                            const crypto::AmdExtension& leaf,
                                            evidence::SnpProduct product);
// S13.
Status check_chip_id(const evidence::SnpReport& report, const crypto::AmdExtension& leaf,
                     const SnpChainNames& names, const SnpPolicy& policy);

// The signature of a report as r || s, big-endian, 48 bytes each; S10 says of which bytes.
Bytes signature_of(const evidence::SnpReport& report);

}  // namespace confide::verify
