// What AMD's Key Distribution Service is asked for a SEV-SNP report.
// AMD Versioned Chip Endorsement Key (VCEK) Certificate and KDS Interface Specification (57230).
#pragma once

#include "collateral/query.h"
#include "evidence/snp_report.h"

namespace confide::collateral {

inline constexpr auto kAmdKds = "https://kdsintf.amd.com";

// The certificate of the key that signed the report. Fails with `unsupported` if there is none to
// be had: a VLEK's is not public, a masked chip id names no chip, and reports before version 3 do
// not name their product (`product` is then needed).
Result<Query> query_vcek(std::string_view base, const evidence::SnpReport& report,
                         evidence::SnpProduct product);
// PEM: the ASK or, for a VLEK, the ASVK; then the ARK.
Query query_cert_chain(std::string_view base, evidence::SnpSigningKey key,
                       evidence::SnpProduct product);
Query query_snp_crl(std::string_view base, evidence::SnpSigningKey key,
                    evidence::SnpProduct product);

}  // namespace confide::collateral
