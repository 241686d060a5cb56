// A TDX of our own for tests: every field of quote and collateral is open to be spoiled before it
// is signed. As it comes, its quotes pass under policy().
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "crypto/hash.h"
#include "crypto/sgx_extension.h"
#include "crypto/x509_issue.h"
#include "evidence/testing/quote_bytes.h"
#include "verify/tdx.h"

namespace confide::verify::testing {

// A certificate to be issued, and what its CRL says of it.
struct LabCertificate {
  crypto::CertificateRequest request;
  crypto::P256Key key = crypto::P256Key::generate();
  bool revoked = false;
};

class TdxLab {
 public:
  TdxLab() {
    root.request = request_for("Lab Root CA", root.key);
    root.request.is_ca = true;
    platform_ca.request = request_for("Intel SGX PCK Platform CA", platform_ca.key);
    platform_ca.request.is_ca = true;
    pck.request = request_for("Intel SGX PCK Certificate", pck.key);
    tcb_signer.request = request_for("Intel SGX TCB Signing", tcb_signer.key);

    quote_.header = {.version = 4, .att_key_type = 2, .tee_type = 0x81};
    quote_.header.qe_vendor_id = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                  0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
    quote_.td.tee_tcb_svn = {5, 1, 4};
    quote_.td.td_attributes = {0, 0, 0, 0x10};
    quote_.td.mr_td.fill(0x4d);
    quote_.qe_report.attributes = {0x11};
    quote_.qe_report.mr_signer.fill(0x5e);
    quote_.qe_report.isv_prod_id = 2;
    quote_.qe_report.isv_svn = 6;
    quote_.qe_auth_data = Bytes(32, 0x7a);
    platform.tcb_components.fill(3);
    platform.pce_svn = 11;
    platform.fmspc = {1, 2, 3, 4, 5, 6};
    tcb_info = first_tcb_info();
    qe_identity = first_qe_identity();
  }

  // Certificates.
  Time at = parse_rfc3339("2026-06-15T12:00:00Z").value();
  LabCertificate root, platform_ca, pck, tcb_signer;
  Time crl_from = at - std::chrono::days{1};
  Time crl_until = at + std::chrono::days{29};
  crypto::SgxExtension platform;
  // Collateral: what stands in it before it is signed.
  Json tcb_info;
  Json qe_identity;
  // Quote.
  crypto::P256Key attestation_key = crypto::P256Key::generate();
  evidence::QuoteHeader& header() { return quote_.header; }
  evidence::TdReport& td() { return quote_.td; }
  evidence::EnclaveReport& qe() { return quote_.qe_report; }
  bool bind_attestation_key = true;
  bool with_extension = true;

  Policy policy() const {
    Policy out = Policy::strict();
    out.trust(made().root);
    return out;
  }

  // Signs from the inside out.
  Bytes quote() const {
    evidence::TdxQuote out = quote_;
    out.attestation_key = attestation_key.public_key();
    if (bind_attestation_key) {
      Bytes bound = to_bytes(out.attestation_key);
      append(bound, out.qe_auth_data);
      const auto digest = crypto::sha256(bound);
      std::copy(digest.begin(), digest.end(), out.qe_report.report_data.begin());
    }
    out.qe_report_bytes = evidence::testing::write_enclave_report(out.qe_report);
    out.qe_report_signature = pck.key.sign(out.qe_report_bytes);
    out.signed_bytes = evidence::testing::write_signed_bytes(out.header, out.td);
    out.signature = attestation_key.sign(out.signed_bytes);
    out.pck_chain_pem = made().pck.to_pem() + made().platform_ca.to_pem() + made().root.to_pem();
    return evidence::testing::write_quote(out);
  }

  evidence::TdxCollateral collateral() const {
    evidence::TdxCollateral out;
    out.tcb_info = json::compact(tcb_info);
    out.tcb_info_signature = tcb_signer.key.sign(as_bytes(out.tcb_info));
    out.qe_identity = json::compact(qe_identity);
    out.qe_identity_signature = tcb_signer.key.sign(as_bytes(out.qe_identity));
    out.tcb_info_issuer_chain = made().tcb_signer.to_pem() + made().root.to_pem();
    out.qe_identity_issuer_chain = out.tcb_info_issuer_chain;
    out.pck_crl = made().pck_crl;
    out.root_ca_crl = made().root_crl;
    out.pck_crl_issuer_chain = made().platform_ca.to_pem() + made().root.to_pem();
    return out;
  }

 private:
  struct Made {
    crypto::Certificate root, platform_ca, pck, tcb_signer;
    Bytes pck_crl, root_crl;
  };

  crypto::CertificateRequest request_for(std::string name, const crypto::P256Key& key) const {
    crypto::CertificateRequest out;
    out.common_name = std::move(name);
    out.organization = "Confide test lab";
    out.subject_key = key.public_key();
    out.not_before = at - std::chrono::days{365};
    out.not_after = at + std::chrono::days{365};
    return out;
  }

  static crypto::Certificate issue(const LabCertificate& what, const LabCertificate& by,
                                   const crypto::Certificate* issuer) {
    return crypto::issue_certificate(what.request, by.key, issuer).value();
  }

  const Made& made() const {
    if (made_) return *made_;
    const auto root_ca = issue(root, root, nullptr);
    const auto ca = issue(platform_ca, root, &root_ca);
    crypto::CertificateRequest leaf = pck.request;
    if (with_extension) {
      leaf.extensions.emplace_back(crypto::kSgxExtensionOid,
                                   crypto::encode_sgx_extension(platform));
    }
    const auto pck_leaf = crypto::issue_certificate(leaf, platform_ca.key, &ca).value();
    const auto signer = issue(tcb_signer, root, &root_ca);
    made_ = Made{root_ca,
                 ca,
                 pck_leaf,
                 signer,
                 crl(ca, platform_ca, {{pck_leaf, pck.revoked}}),
                 crl(root_ca, root, {{ca, platform_ca.revoked}, {signer, tcb_signer.revoked}})};
    return *made_;
  }

  Bytes crl(const crypto::Certificate& issuer, const LabCertificate& by,
            const std::vector<std::pair<crypto::Certificate, bool>>& issued) const {
    std::vector<crypto::Certificate> revoked;
    for (const auto& [certificate, is_revoked] : issued) {
      if (is_revoked) revoked.push_back(certificate);
    }
    const auto out = crypto::issue_crl(issuer, by.key, crl_from, crl_until, revoked).value();
    return to_bytes(out.der());
  }

  static Json components(std::vector<int> svns) {
    svns.resize(16, 0);
    Json out = Json::array();
    for (const int svn : svns) out.push_back(Json{{"svn", svn}});
    return out;
  }

  static Json platform_level(int sgx, int tdx_microcode, std::string status, Json advisories) {
    return Json{{"tcb",
                 {{"sgxtcbcomponents", components(std::vector<int>(16, sgx))},
                  {"pcesvn", 11},
                  {"tdxtcbcomponents", components({5, 0, tdx_microcode})}}},
                {"tcbDate", "2026-01-01T00:00:00Z"},
                {"tcbStatus", std::move(status)},
                {"advisoryIDs", std::move(advisories)}};
  }

  static Json isv_level(int svn, std::string status, Json advisories) {
    return Json{{"tcb", {{"isvsvn", svn}}},
                {"tcbDate", "2026-01-01T00:00:00Z"},
                {"tcbStatus", std::move(status)},
                {"advisoryIDs", std::move(advisories)}};
  }

  static Json module(std::string signer) {
    return Json{{"mrsigner", std::move(signer)},
                {"attributes", "0000000000000000"},
                {"attributesMask", "FFFFFFFFFFFFFFFF"}};
  }

  Json first_tcb_info() const {
    Json identity = module(std::string(96, '0'));
    identity["id"] = "TDX_01";
    identity["tcbLevels"] =
        Json::array({isv_level(5, "UpToDate", Json::array()),
                     isv_level(3, "OutOfDate", Json::array({"INTEL-SA-00301"}))});
    return Json{{"id", "TDX"},
                {"version", 3},
                {"issueDate", to_rfc3339(crl_from)},
                {"nextUpdate", to_rfc3339(crl_until)},
                {"fmspc", "010203040506"},
                {"pceId", "0000"},
                {"tcbType", 0},
                {"tcbEvaluationDataNumber", 20},
                {"tdxModule", module(std::string(96, '0'))},
                {"tdxModuleIdentities", Json::array({identity})},
                {"tcbLevels",
                 Json::array({platform_level(3, 4, "UpToDate", Json::array()),
                              platform_level(2, 3, "OutOfDate", Json::array({"INTEL-SA-00101"})),
                              platform_level(1, 1, "Revoked", Json::array())})}};
  }

  Json first_qe_identity() const {
    return Json{
        {"id", "TD_QE"},
        {"version", 2},
        {"issueDate", to_rfc3339(crl_from)},
        {"nextUpdate", to_rfc3339(crl_until)},
        {"miscselect", "00000000"},
        {"miscselectMask", "FFFFFFFF"},
        {"attributes", "11000000000000000000000000000000"},
        {"attributesMask", "FBFFFFFFFFFFFFFF0000000000000000"},
        {"mrsigner", to_hex(Bytes(32, 0x5e))},
        {"isvprodid", 2},
        {"tcbLevels", Json::array({isv_level(6, "UpToDate", Json::array()),
                                   isv_level(4, "OutOfDate", Json::array({"INTEL-SA-00201"}))})}};
  }

  evidence::TdxQuote quote_;
  mutable std::optional<Made> made_;
};

}  // namespace confide::verify::testing
