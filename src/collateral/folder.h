// Collateral from a file or a folder, as people keep it and as the test vectors lay it out.
// It is only found here: verify/ judges it exactly as it judges what is stapled or fetched.
#pragma once

#include <string>
#include <vector>

#include "collateral/files.h"
#include "evidence/tdx_collateral.h"

namespace confide::collateral {

struct TdxMaterial {
  evidence::TdxCollateral collateral;  // what is missing is empty, and fails its check
  std::vector<std::string> missing;    // names of the parts that were not there
};

// `path` is a QuoteCollateralV3 file, or a folder with the parts as Intel's PCS serves them:
// tcb_info_response.json, qe_identity_response.json, pck_crl.der, root_ca_crl.der, and
// tcb_info_issuer_chain.pem, qe_identity_issuer_chain.pem, pck_crl_issuer_chain.pem. A folder
// that lacks one of them may hold collateral.json instead of all. CRLs may also be PEM or hex.
// Fails with `not_found` or `limit` if a file cannot be read, or the folder holds no collateral at
// all, and `malformed` if a part is not what its name says; every error names the file.
Result<TdxMaterial> read_tdx_collateral(const std::string& path);

}  // namespace confide::collateral
