#include "attest/sim_pki.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "attest/sim_platform.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "crypto/x509_issue.h"

namespace confide::attest {
namespace {

using std::chrono::days;
using std::chrono::hours;

constexpr days kCertificateValidity{7 * 365};
constexpr hours kClockSkew{1};
constexpr int kEvaluationDataNumber = 20;
constexpr const char* kLevelDate = "2026-01-01T00:00:00Z";
constexpr const char* kOldLevelDate = "2025-01-01T00:00:00Z";

// Intel's collateral has upper-case hex.
std::string upper_hex(ByteView bytes) {
  std::string hex = to_hex(bytes);
  std::ranges::transform(hex, hex.begin(), [](char c) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  return hex;
}

crypto::CertificateRequest request_for(std::string common_name, const crypto::P256Public& key,
                                       const crypto::Certificate& root, Time now) {
  crypto::CertificateRequest request;
  request.common_name = std::move(common_name);
  request.organization = kSimOrganization;
  request.subject_key = key;
  request.not_before = now - kClockSkew;
  request.not_after = std::min(now + kCertificateValidity, root.not_after());
  return request;
}

Json components(const ByteArray<16>& svns) {
  Json list = Json::array();
  for (const std::uint8_t svn : svns) list.push_back(Json{{"svn", svn}});
  return list;
}

Json level(Json tcb, const char* date, const char* status) {
  return Json{{"tcb", std::move(tcb)}, {"tcbDate", date}, {"tcbStatus", status}};
}

Json platform_tcb(const ByteArray<16>& sgx, const ByteArray<16>& tdx) {
  return Json{{"sgxtcbcomponents", components(sgx)},
              {"pcesvn", kSimPceSvn},
              {"tdxtcbcomponents", components(tdx)}};
}

// The level of a platform before its last microcode update, so that the list is one.
Json old_platform_tcb() {
  ByteArray<16> sgx = kSimSgxSvn;
  --sgx[0];
  --sgx[1];
  ByteArray<16> tdx = kSimTdxSvn;
  --tdx[2];
  return platform_tcb(sgx, tdx);
}

Json isv_levels(int current) {
  return Json::array({level(Json{{"isvsvn", current}}, kLevelDate, "UpToDate"),
                      level(Json{{"isvsvn", current - 1}}, kOldLevelDate, "OutOfDate")});
}

// Intel's own TDX module is signed by nobody: MRSIGNERSEAM is zero.
Json module_identity() {
  return Json{{"mrsigner", upper_hex(evidence::Measurement{})},
              {"attributes", upper_hex(ByteArray<8>{})},
              {"attributesMask", "FFFFFFFFFFFFFFFF"}};
}

std::string tcb_info(Time issued) {
  Json versioned{{"id", "TDX_01"}};
  versioned.update(module_identity());
  versioned["tcbLevels"] = isv_levels(kSimModuleSvn);
  return json::compact(
      Json{{"id", "TDX"},
           {"version", 3},
           {"issueDate", to_rfc3339(issued)},
           {"nextUpdate", to_rfc3339(issued + kSimCollateralValidity)},
           {"fmspc", upper_hex(kSimFmspc)},
           {"pceId", upper_hex(kSimPceId)},
           {"tcbType", 0},
           {"tcbEvaluationDataNumber", kEvaluationDataNumber},
           {"tdxModule", module_identity()},
           {"tdxModuleIdentities", Json::array({versioned})},
           {"tcbLevels",
            Json::array({level(platform_tcb(kSimSgxSvn, kSimTdxSvn), kLevelDate, "UpToDate"),
                         level(old_platform_tcb(), kOldLevelDate, "OutOfDate")})}});
}

std::string qe_identity(Time issued) {
  return json::compact(Json{{"id", "TD_QE"},
                            {"version", 2},
                            {"issueDate", to_rfc3339(issued)},
                            {"nextUpdate", to_rfc3339(issued + kSimCollateralValidity)},
                            {"tcbEvaluationDataNumber", kEvaluationDataNumber},
                            {"miscselect", "00000000"},
                            {"miscselectMask", "FFFFFFFF"},
                            {"attributes", "11000000000000000000000000000000"},
                            {"attributesMask", "FBFFFFFFFFFFFFFF0000000000000000"},
                            {"mrsigner", upper_hex(sim_qe_mr_signer())},
                            {"isvprodid", kSimQeProdId},
                            {"tcbLevels", isv_levels(kSimQeSvn)}});
}

Result<SimIssuer> issue(const crypto::CertificateRequest& request, crypto::P256Key key,
                        const SimIssuer& issuer) {
  TRY_ASSIGN(auto certificate, crypto::issue_certificate(request, issuer.key, &issuer.certificate));
  return SimIssuer{.key = std::move(key), .certificate = std::move(certificate)};
}

// One platform for each root, as a machine keeps its PPID.
ByteArray<16> ppid_of(const crypto::Certificate& root) {
  const crypto::Sha256 digest = root.spki_sha256();
  ByteArray<16> ppid{};
  std::copy_n(digest.begin(), ppid.size(), ppid.begin());
  return ppid;
}

}  // namespace

SimPki::SimPki(SimIssuer root, SimIssuer platform_ca, SimIssuer tcb_signer, crypto::P256Key pck_key,
               std::string pck_chain_pem)
    : root_(std::move(root)),
      platform_ca_(std::move(platform_ca)),
      tcb_signer_(std::move(tcb_signer)),
      pck_key_(std::move(pck_key)),
      pck_chain_pem_(std::move(pck_chain_pem)) {}

// The common names are Intel's, since verifiers of PCK chains compare them. Who looks at a name
// sees the organization too.
Result<SimPki> SimPki::make(SimIssuer root, Time now) {
  auto ca_key = crypto::P256Key::generate();
  auto ca_request =
      request_for("Intel SGX PCK Platform CA", ca_key.public_key(), root.certificate, now);
  ca_request.is_ca = true;
  ca_request.path_length = 0;
  TRY_ASSIGN(SimIssuer platform_ca, issue(ca_request, std::move(ca_key), root));

  auto signer_key = crypto::P256Key::generate();
  const auto signer_request =
      request_for("Intel SGX TCB Signing", signer_key.public_key(), root.certificate, now);
  TRY_ASSIGN(SimIssuer tcb_signer, issue(signer_request, std::move(signer_key), root));

  auto pck_key = crypto::P256Key::generate();
  auto pck_request =
      request_for("Intel SGX PCK Certificate", pck_key.public_key(), root.certificate, now);
  pck_request.extensions.emplace_back(crypto::kSgxExtensionOid,
                                      sim_pck_extension(ppid_of(root.certificate)));
  TRY_ASSIGN(const auto pck,
             crypto::issue_certificate(pck_request, platform_ca.key, &platform_ca.certificate));
  std::string chain = pck.to_pem() + platform_ca.certificate.to_pem() + root.certificate.to_pem();
  return SimPki(std::move(root), std::move(platform_ca), std::move(tcb_signer), std::move(pck_key),
                std::move(chain));
}

Result<evidence::TdxCollateral> SimPki::collateral(Time now) const {
  const Time issued = now - kClockSkew;
  const std::string root_pem = root_.certificate.to_pem();
  evidence::TdxCollateral out;
  out.tcb_info = tcb_info(issued);
  out.tcb_info_signature = tcb_signer_.key.sign(as_bytes(out.tcb_info));
  out.tcb_info_issuer_chain = tcb_signer_.certificate.to_pem() + root_pem;
  out.qe_identity = qe_identity(issued);
  out.qe_identity_signature = tcb_signer_.key.sign(as_bytes(out.qe_identity));
  out.qe_identity_issuer_chain = out.tcb_info_issuer_chain;
  const Time next = issued + kSimCollateralValidity;
  TRY_ASSIGN(const crypto::Crl pck_crl,
             crypto::issue_crl(platform_ca_.certificate, platform_ca_.key, issued, next));
  TRY_ASSIGN(const crypto::Crl root_crl,
             crypto::issue_crl(root_.certificate, root_.key, issued, next));
  out.pck_crl = to_bytes(pck_crl.der());
  out.pck_crl_issuer_chain = platform_ca_.certificate.to_pem() + root_pem;
  out.root_ca_crl = to_bytes(root_crl.der());
  return out;
}

}  // namespace confide::attest
