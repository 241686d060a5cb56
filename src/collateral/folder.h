// Collateral from a file or a folder, as people keep it and as the test vectors lay it out.
// It is only found here: verify/ judges it exactly as it judges what is stapled or fetched.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "collateral/files.h"
#include "evidence/gpu_evidence.h"
#include "evidence/snp_certificates.h"
#include "evidence/tdx_collateral.h"

namespace confide::collateral {

// `path` is a QuoteCollateralV3 file, or a folder with the parts as Intel's PCS serves them:
// tcb_info_response.json, qe_identity_response.json, pck_crl.der, root_ca_crl.der, and
// tcb_info_issuer_chain.pem, qe_identity_issuer_chain.pem, pck_crl_issuer_chain.pem. A folder
// that lacks one of them may hold collateral.json instead of all. CRLs may also be PEM or hex.
// Fails with `not_found` or `limit` if a file cannot be read, or the folder holds no collateral at
// all, and `malformed` if a part is not what its name says; every error names the file. A part that
// is not there is empty, and fails its check.
Result<evidence::TdxCollateral> read_tdx_collateral(const std::string& path);

// Which of those seven files would fill what is empty.
std::vector<std::string> missing_parts(const evidence::TdxCollateral& collateral);

// `paths` are files or folders. A folder's certificates are what its case.json says, or else named
// vcek, vlek, ask, asvk, ark, crl or cert_chain, ending in .der, .pem, .crt, .cer or .crl, with a
// host's certificate table in certs.bin; `key`, if known, chooses where there are those for both
// kinds. A file is known by its name likewise, or by its content: certificates by their subject, a
// CRL, a table. Fails as read_tdx_collateral() does; a certificate that cannot be parsed, but whose
// name says what it is, is for the verifier to refuse.
Result<evidence::SnpCertificates> read_snp_certificates(
    std::span<const std::string> paths, std::optional<evidence::SnpSigningKey> key = std::nullopt);

// `path` is NVIDIA's JSON evidence list or `nvidia_payload`; a raw report (or hex, or base64), with
// its certificate chain in `chain_path`, or if that is empty as a case.json in the same folder
// says, or in NAME.pem or chain.pem beside it; or a folder with a case.json, with report.bin and
// chain.pem, or with gpu_N.bin, switch_N.bin and their .pem. A chain that is not there is empty,
// and fails its check. Fails as read_tdx_collateral() does.
Result<evidence::GpuEvidenceList> read_gpu_evidence(const std::string& path,
                                                    const std::string& chain_path = "");

// The same for the content of a file called `name`, whose folder is not known: a raw report's chain
// is in `chain_path` or nowhere.
Result<evidence::GpuEvidenceList> parse_gpu_content(const std::string& name, Bytes content,
                                                    const std::string& chain_path = "");

// `rims` and `ocsp` are files or folders. A folder's RIMs are what its case.json says, or its .xml
// and .swidtag files; a file's name or its version tells a driver's from a VBIOS's. OCSP answers
// are a folder's .der files, or those in its folder ocsp. A folder of RIMs brings its ocsp folder
// along, unless its case.json says that the answers were captured at other times than its
// evaluation time. Fails as read_tdx_collateral() does, and with `not_found` if a folder holds none
// of its kind.
Result<evidence::GpuReferences> read_gpu_references(std::span<const std::string> rims,
                                                    std::span<const std::string> ocsp = {});

}  // namespace confide::collateral
