// An Intel of our own for tests: every field of quote and collateral is open to be spoiled before
// it is signed. As it comes, its quotes pass under policy().
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
#include "crypto/signing_key.h"
#include "crypto/x509_issue.h"
#include "evidence/tdx_collateral.h"
#include "evidence/testing/quote_bytes.h"
#include "verify/policy.h"

namespace confide::verify::testing {

// A certificate to be issued, and what its CRL says of it.
struct LabCertificate {
  crypto::CertificateRequest request;
  crypto::P256Key key = crypto::P256Key::generate();
  bool revoked = false;
};

// What quotes of both kinds have in common.
class DcapLab {
 public:
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
  evidence::EnclaveReport& qe() { return quote_.qe_report; }
  bool bind_attestation_key = true;
  bool with_extension = true;

  Policy policy() const {
    Policy out = Policy::strict();
    out.trust(made().root);
    return out;
  }

  // Signs from the inside out.
  Bytes quote() const { return evidence::testing::write_quote(parts()); }

  evidence::DcapQuote parts() const {
    evidence::DcapQuote out = quote_;
    out.attestation_key = attestation_key.public_key();
    if (bind_attestation_key) {
      Bytes bound = to_bytes(out.attestation_key);
      append(bound, out.qe_auth_data);
      const auto digest = crypto::sha256(bound);
      std::copy(digest.begin(), digest.end(), out.qe_report.report_data.begin());
    }
    out.qe_report_bytes = evidence::testing::write_enclave_report(out.qe_report);
    out.qe_report_signature = pck.key.sign(out.qe_report_bytes);
    out.signed_bytes = evidence::testing::write_signed_bytes(out);
    out.signature = attestation_key.sign(out.signed_bytes);
    out.pck_chain_pem = made().pck.to_pem() + made().platform_ca.to_pem() + made().root.to_pem();
    return out;
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

  struct Made {
    crypto::Certificate root, platform_ca, pck, tcb_signer;
    Bytes pck_crl, root_crl;
  };
  // Issued at the first call, by what stands in the members above.
  const Made& made() const {
    if (!made_) made_ = issue_all();
    return *made_;
  }

 protected:
  DcapLab(evidence::QuoteHeader header, decltype(evidence::DcapQuote::body) body) {
    root.request = request_for("Lab Root CA", root.key);
    root.request.is_ca = true;
    platform_ca.request = request_for("Intel SGX PCK Platform CA", platform_ca.key);
    platform_ca.request.is_ca = true;
    pck.request = request_for("Intel SGX PCK Certificate", pck.key);
    tcb_signer.request = request_for("Intel SGX TCB Signing", tcb_signer.key);

    quote_.header = header;
    quote_.header.qe_vendor_id = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                  0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
    quote_.body = std::move(body);
    quote_.qe_report.attributes = {0x11};
    quote_.qe_report.mr_signer.fill(0x5e);
    quote_.qe_report.isv_svn = 6;
    quote_.qe_auth_data = Bytes(32, 0x7a);
    platform.tcb_components.fill(3);
    platform.pce_svn = 11;
    platform.fmspc = {1, 2, 3, 4, 5, 6};
  }

  static Json components(std::vector<int> svns) {
    svns.resize(16, 0);
    Json out = Json::array();
    for (const int svn : svns) out.push_back(Json{{"svn", svn}});
    return out;
  }

  static Json level(Json tcb, std::string status, Json advisories) {
    return Json{{"tcb", std::move(tcb)},
                {"tcbDate", "2026-01-01T00:00:00Z"},
                {"tcbStatus", std::move(status)},
                {"advisoryIDs", std::move(advisories)}};
  }

  // All but the levels.
  Json dated_tcb_info(std::string id) const {
    return Json{{"id", std::move(id)},
                {"version", 3},
                {"issueDate", to_rfc3339(crl_from)},
                {"nextUpdate", to_rfc3339(crl_until)},
                {"fmspc", "010203040506"},
                {"pceId", "0000"},
                {"tcbType", 0},
                {"tcbEvaluationDataNumber", 20}};
  }

  Json dated_qe_identity(std::string id, int product) const {
    return Json{
        {"id", std::move(id)},
        {"version", 2},
        {"issueDate", to_rfc3339(crl_from)},
        {"nextUpdate", to_rfc3339(crl_until)},
        {"miscselect", "00000000"},
        {"miscselectMask", "FFFFFFFF"},
        {"attributes", "11000000000000000000000000000000"},
        {"attributesMask", "FBFFFFFFFFFFFFFF0000000000000000"},
        {"mrsigner", to_hex(Bytes(32, 0x5e))},
        {"isvprodid", product},
        {"tcbLevels",
         Json::array({level(Json{{"isvsvn", 6}}, "UpToDate", Json::array()),
                      level(Json{{"isvsvn", 4}}, "OutOfDate", Json::array({"INTEL-SA-00201"}))})}};
  }

  evidence::DcapQuote quote_;

 private:
  crypto::CertificateRequest request_for(std::string name, const crypto::P256Key& key) const {
    crypto::CertificateRequest out;
    out.common_name = std::move(name);
    out.organization = "Confide test lab";
    out.subject_key = key.public_key();
    out.not_before = at - std::chrono::days{365};
    out.not_after = at + std::chrono::days{365};
    return out;
  }

  Made issue_all() const {
    // Read once: reading a key is slower than signing with it.
    const crypto::SigningKey root_key(root.key);
    const crypto::SigningKey ca_key(platform_ca.key);
    const auto root_ca = crypto::issue_certificate(root.request, root_key, nullptr).value();
    const auto ca = crypto::issue_certificate(platform_ca.request, root_key, &root_ca).value();
    crypto::CertificateRequest leaf = pck.request;
    if (with_extension) {
      leaf.extensions.emplace_back(crypto::kSgxExtensionOid,
                                   crypto::encode_sgx_extension(platform));
    }
    const auto pck_leaf = crypto::issue_certificate(leaf, ca_key, &ca).value();
    const auto signer = crypto::issue_certificate(tcb_signer.request, root_key, &root_ca).value();
    return {root_ca,
            ca,
            pck_leaf,
            signer,
            crl(ca, ca_key, {{pck_leaf, pck.revoked}}),
            crl(root_ca, root_key, {{ca, platform_ca.revoked}, {signer, tcb_signer.revoked}})};
  }

  Bytes crl(const crypto::Certificate& issuer, const crypto::SigningKey& key,
            const std::vector<std::pair<crypto::Certificate, bool>>& issued) const {
    std::vector<crypto::Certificate> revoked;
    for (const auto& [certificate, is_revoked] : issued) {
      if (is_revoked) revoked.push_back(certificate);
    }
    const auto out = crypto::issue_crl(issuer, key, crl_from, crl_until, revoked).value();
    return to_bytes(out.der());
  }

  mutable std::optional<Made> made_;
};

// Version 4 and TDX 1.0, until the header says 5 and the body has what TDX 1.5 added.
class TdxLab : public DcapLab {
 public:
  TdxLab() : DcapLab({.version = 4, .att_key_type = 2, .tee_type = evidence::kTeeTdx}, first_td()) {
    quote_.qe_report.isv_prod_id = 2;
    tcb_info = first_tcb_info();
    qe_identity = dated_qe_identity("TD_QE", 2);
  }

  evidence::TdReport& td() { return std::get<evidence::TdReport>(quote_.body); }

  // Turns it into version 5 and TDX 1.5, the same module running as at launch.
  void use_td15() {
    header().version = 5;
    td().td15 = {.tee_tcb_svn2 = td().tee_tcb_svn, .mr_service_td = {}};
  }

 private:
  static evidence::TdReport first_td() {
    evidence::TdReport out;
    out.tee_tcb_svn = {5, 1, 4};
    out.td_attributes = {0, 0, 0, 0x10};
    out.xfam = {0xe7, 0x02, 0x06};
    out.mr_td.fill(0x4d);
    return out;
  }

  static Json platform_level(int sgx, int tdx_microcode, std::string status, Json advisories) {
    return level(Json{{"sgxtcbcomponents", components(std::vector<int>(16, sgx))},
                      {"pcesvn", 11},
                      {"tdxtcbcomponents", components({5, 0, tdx_microcode})}},
                 std::move(status), std::move(advisories));
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
        Json::array({level(Json{{"isvsvn", 5}}, "UpToDate", Json::array()),
                     level(Json{{"isvsvn", 3}}, "OutOfDate", Json::array({"INTEL-SA-00301"}))});
    Json out = dated_tcb_info("TDX");
    out["tdxModule"] = module(std::string(96, '0'));
    out["tdxModuleIdentities"] = Json::array({identity});
    out["tcbLevels"] =
        Json::array({platform_level(3, 4, "UpToDate", Json::array()),
                     platform_level(2, 3, "OutOfDate", Json::array({"INTEL-SA-00101"})),
                     platform_level(1, 1, "Revoked", Json::array())});
    return out;
  }
};

// Version 3, until the header says otherwise.
class SgxLab : public DcapLab {
 public:
  SgxLab()
      : DcapLab({.version = 3, .att_key_type = 2, .tee_type = evidence::kTeeSgx}, first_enclave()) {
    quote_.qe_report.isv_prod_id = 1;
    tcb_info = first_tcb_info();
    qe_identity = dated_qe_identity("QE", 1);
  }

  evidence::EnclaveReport& enclave() { return std::get<evidence::EnclaveReport>(quote_.body); }

  // Rewrites the TCB info the way PCS API version 3 had it.
  void use_tcb_info_v2() {
    tcb_info.erase("id");
    tcb_info["version"] = 2;
    for (Json& entry : tcb_info["tcbLevels"]) {
      Json& tcb = entry["tcb"];
      for (int i = 0; i < 16; ++i) {
        const std::string number = (i < 9 ? "0" : "") + std::to_string(i + 1);
        tcb["sgxtcbcomp" + number + "svn"] =
            tcb["sgxtcbcomponents"][static_cast<std::size_t>(i)]["svn"];
      }
      tcb.erase("sgxtcbcomponents");
    }
  }

 private:
  static evidence::EnclaveReport first_enclave() {
    evidence::EnclaveReport out;
    out.attributes = {0x05};
    out.mr_enclave.fill(0x3e);
    out.mr_signer.fill(0x3f);
    return out;
  }

  static Json platform_level(int sgx, std::string status, Json advisories) {
    return level(Json{{"sgxtcbcomponents", components(std::vector<int>(16, sgx))}, {"pcesvn", 11}},
                 std::move(status), std::move(advisories));
  }

  Json first_tcb_info() const {
    Json out = dated_tcb_info("SGX");
    out["tcbLevels"] = Json::array({platform_level(3, "UpToDate", Json::array()),
                                    platform_level(2, "OutOfDate", Json::array({"INTEL-SA-00101"})),
                                    platform_level(1, "Revoked", Json::array())});
    return out;
  }
};

}  // namespace confide::verify::testing
