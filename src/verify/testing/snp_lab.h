// A SEV-SNP machine of our own for tests: every field of the report and of its certificates is open
// to be spoiled before it is signed. As it comes, its reports pass under policy().
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/amd_extension.h"
#include "crypto/signing_key.h"
#include "crypto/x509_issue.h"
#include "evidence/testing/snp_bytes.h"
#include "verify/snp.h"

namespace confide::verify::testing {

// RSA keys are slow to make, and which one it is matters to no test: made once for all.
inline const crypto::SigningKey& lab_rsa_key(std::size_t which) {
  static const std::vector<crypto::SigningKey> kKeys{
      crypto::SigningKey::generate(crypto::KeyKind::rsa),
      crypto::SigningKey::generate(crypto::KeyKind::rsa),
      crypto::SigningKey::generate(crypto::KeyKind::rsa)};
  return kKeys.at(which);
}
inline const crypto::SigningKey& lab_leaf_key() {
  static const auto kKey = crypto::SigningKey::generate(crypto::KeyKind::p384);
  return kKey;
}

// A certificate to be issued, and what the CRL says of it; AMD's lists no leaves.
struct SnpLabCertificate {
  crypto::CertificateRequest request;
  crypto::SigningKey key;
  bool revoked = false;
};

class SnpLab {
 public:
  using Extensions = std::vector<std::pair<std::string, Bytes>>;

  explicit SnpLab(evidence::SnpProduct product = evidence::SnpProduct::milan,
                  evidence::SnpSigningKey key = evidence::SnpSigningKey::vcek)
      : ark{.request = {}, .key = lab_rsa_key(0), .revoked = false},
        ica{.request = {}, .key = lab_rsa_key(1), .revoked = false},
        leaf{.request = {}, .key = lab_leaf_key(), .revoked = false} {
    const bool vlek = key == evidence::SnpSigningKey::vlek;
    const std::string name(to_string(product));
    ark.request = request_for("ARK-" + name, ark.key);
    ark.request.is_ca = true;
    ica.request = request_for((vlek ? "SEV-VLEK-" : "SEV-") + name, ica.key);
    ica.request.is_ca = true;
    ica.request.path_length = 0;
    leaf.request = request_for(vlek ? "SEV-VLEK" : "SEV-VCEK", leaf.key);
    leaf.request.key_identifiers = false;
    set_report(product, key);
    set_extension(product, vlek);
  }

  Time at = parse_rfc3339("2026-06-15T12:00:00Z").value();
  SnpLabCertificate ark, ica, leaf;
  crypto::AmdExtension extension;
  std::function<void(Extensions&)> edit_extensions;  // the last word on the leaf's
  bool with_ark = true;
  bool with_crl = true;
  Time crl_from = at - std::chrono::days{1};
  Time crl_until = at + std::chrono::days{29};
  // The CRL comes from the ARK, unless this says from whom.
  std::optional<SnpLabCertificate> crl_signer;
  evidence::SnpReport report;
  std::function<void(Bytes&)> edit_signed_bytes;  // before they are signed
  std::function<void(Bytes&)> edit_report;        // after

  Policy policy() const {
    Policy out = Policy::strict();
    out.trust(made().ark);
    return out;
  }

  Bytes report_bytes() const {
    Bytes text = evidence::testing::write_snp_signed_bytes(report);
    if (edit_signed_bytes) edit_signed_bytes(text);
    // A leaf of another kind of key signs nothing that fits.
    const bool p384 = leaf.key.public_key().kind() == crypto::KeyKind::p384;
    const crypto::SigningKey& key = p384 ? leaf.key : lab_leaf_key();
    Bytes out = evidence::testing::write_snp_report(
        text, key.sign(crypto::SignatureScheme::p384_sha384, text));
    if (edit_report) edit_report(out);
    return out;
  }

  evidence::SnpCertificates certificates() const {
    evidence::SnpCertificates out{.leaf = to_bytes(made().leaf.der()),
                                  .ica = to_bytes(made().ica.der()),
                                  .ark = {},
                                  .crl = {}};
    if (with_ark) out.ark = to_bytes(made().ark.der());
    if (with_crl) out.crl = to_bytes(made().crl.der());
    return out;
  }

  const crypto::Certificate& root() const { return made().ark; }

 private:
  struct Made {
    crypto::Certificate ark, ica, leaf;
    crypto::Crl crl;
  };

  crypto::CertificateRequest request_for(std::string name, const crypto::SigningKey& key) const {
    crypto::CertificateRequest out;
    out.common_name = std::move(name);
    out.organization = "Confide test lab";
    out.subject_key = key.public_key();
    out.not_before = at - std::chrono::days{365};
    out.not_after = at + std::chrono::days{365};
    return out;
  }

  void set_report(evidence::SnpProduct product, evidence::SnpSigningKey key) {
    const bool turin = product == evidence::SnpProduct::turin;
    report.version = 5;
    report.guest_svn = 7;
    report.policy.raw = 0x30000;
    report.signature_algo = 1;
    report.key_info.raw = static_cast<std::uint32_t>(key) << 2U;
    report.platform_info.raw = 0x25;
    report.measurement.fill(0x4d);
    report.host_data.fill(0x40);
    report.id_key_digest.fill(0x1d);
    report.author_key_digest.fill(0xa0);
    report.family_id.fill(0xfa);
    report.image_id.fill(0x16);
    report.report_data.fill(0x5a);
    report.report_id.fill(0x91);
    report.report_id_ma.fill(0xff);
    report.chip_id.fill(0xc1);
    if (turin) std::ranges::fill(std::span(report.chip_id).subspan(8), std::uint8_t{0});
    const evidence::SnpTcbVersion tcb = turin ? evidence::SnpTcbVersion{1, 4, 2, 24, 0, 0, 0, 219}
                                              : evidence::SnpTcbVersion{4, 2, 0, 0, 0, 0, 24, 219};
    report.current_tcb = report.reported_tcb = report.committed_tcb = report.launch_tcb = tcb;
    report.current = report.committed = {.build = 29, .minor = 55, .major = 1};
    report.current_mit_vector = report.launch_mit_vector = {3};
    switch (product) {
      case evidence::SnpProduct::milan:
        report.cpuid = {.family = 0x19, .model = 0x01, .stepping = 1};
        break;
      case evidence::SnpProduct::genoa:
        report.cpuid = {.family = 0x19, .model = 0x11, .stepping = 1};
        break;
      case evidence::SnpProduct::turin:
        report.cpuid = {.family = 0x1A, .model = 0x02, .stepping = 1};
        break;
    }
  }

  void set_extension(evidence::SnpProduct product, bool vlek) {
    const bool turin = product == evidence::SnpProduct::turin;
    extension.struct_version = turin ? 1 : 0;
    extension.product_name = to_string(product);
    if (!vlek) extension.product_name += "-B0";
    extension.bl = 4;
    extension.tee = 2;
    extension.snp = 24;
    extension.ucode = 219;
    if (turin) extension.fmc = 1;
    if (vlek) {
      extension.csp_id = "CN=cc.lab.example";
    } else {
      extension.hw_id = Bytes(turin ? 8 : 64, 0xc1);
    }
  }

  const Made& made() const {
    if (made_) return *made_;
    const auto root = crypto::issue_certificate(ark.request, ark.key, nullptr).value();
    const auto middle = crypto::issue_certificate(ica.request, ark.key, &root).value();
    crypto::CertificateRequest request = leaf.request;
    request.extensions = crypto::encode_amd_extension(extension);
    if (edit_extensions) edit_extensions(request.extensions);
    const auto end = crypto::issue_certificate(request, ica.key, &middle).value();
    made_ = Made{root, middle, end, crl(root, middle)};
    return *made_;
  }

  crypto::Crl crl(const crypto::Certificate& root, const crypto::Certificate& middle) const {
    std::vector<crypto::Certificate> revoked;
    if (ark.revoked) revoked.push_back(root);
    if (ica.revoked) revoked.push_back(middle);
    if (!crl_signer) return crypto::issue_crl(root, ark.key, crl_from, crl_until, revoked).value();
    const auto signer =
        crypto::issue_certificate(crl_signer->request, crl_signer->key, nullptr).value();
    return crypto::issue_crl(signer, crl_signer->key, crl_from, crl_until, revoked).value();
  }

  mutable std::optional<Made> made_;
};

// Every verdict has all of them, in this order.
inline const std::vector<std::string> kSnpChecks{
    "snp.report.parse",    "snp.certificates", "snp.chain.names", "snp.chain",
    "snp.leaf.extensions", "snp.crl",          "snp.signing_key", "snp.report.signature",
    "snp.product",         "snp.tcb",          "snp.chip_id",     "snp.guest_policy",
    "snp.platform_info",   "snp.tcb.floor",    "snp.firmware",    "snp.guest",
    "snp.values"};

struct SnpOutcome {
  Verdict verdict;
  Result<VerifiedSnp> proof = fail(Errc::internal, "not run");

  bool failed(const std::string& id) const {
    return std::ranges::any_of(verdict.checks(), [&id](const Check& check) {
      return check.id == id && check.status == CheckStatus::fail;
    });
  }
};

inline SnpOutcome appraise(ByteView report, const evidence::SnpCertificates* certificates,
                           const Policy& policy, Time at) {
  SnpOutcome out;
  out.proof = verify_snp(report, certificates, policy, at, out.verdict);
  return out;
}

inline SnpOutcome appraise(const SnpLab& lab, const Policy& policy) {
  const evidence::SnpCertificates certificates = lab.certificates();
  return appraise(lab.report_bytes(), &certificates, policy, lab.at);
}

inline std::string why(const SnpOutcome& outcome) {
  const Check* check = outcome.verdict.first_failure();
  return check == nullptr ? "accepted" : check->id + ": " + check->detail;
}

// The first failure is `id`, by `rule`, and nobody got a proof.
inline void expect_failure(const SnpOutcome& outcome, const std::string& id, Errc code,
                           const std::string& rule) {
  ASSERT_FALSE(outcome.proof) << "accepted";
  EXPECT_FALSE(outcome.verdict.passed());
  std::vector<std::string> ids;
  for (const Check& check : outcome.verdict.checks()) ids.push_back(check.id);
  EXPECT_EQ(ids, kSnpChecks);
  const Check* first = outcome.verdict.first_failure();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->id, id) << first->detail;
  EXPECT_THAT(first->detail, ::testing::HasSubstr(rule));
  EXPECT_EQ(outcome.proof.error().code, code) << first->detail;
  EXPECT_THAT(outcome.proof.error().message, ::testing::HasSubstr(id));
}

}  // namespace confide::verify::testing
