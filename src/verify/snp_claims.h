// What a verdict says about a SEV-SNP report. Private to verify/; the names are in
// docs/protocols/snp.md.
#pragma once

#include <optional>

#include "base/json.h"
#include "crypto/amd_extension.h"
#include "evidence/snp_report.h"
#include "verify/snp_chain.h"

namespace confide::verify {

// `product` decides how TCB versions are read; without it they stand there as bytes.
void add_claims(Json& claims, const evidence::SnpReport& report,
                std::optional<evidence::SnpProduct> product);
void add_claims(Json& claims, const SnpSigners& signers);
void add_claims(Json& claims, const crypto::AmdExtension& leaf);

}  // namespace confide::verify
