#include "verify/snp.h"

#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "verify/findings.h"
#include "verify/snp_accept.h"
#include "verify/snp_chain.h"
#include "verify/snp_claims.h"
#include "verify/snp_platform.h"

namespace confide::verify {
namespace {

using crypto::AmdExtension;
using evidence::SnpReport;
using evidence::SnpTcb;

std::string describe_report(const SnpReport& report) {
  return fmt::format("version {}, SEV-SNP", report.version);
}
std::string describe_signers(const SnpSigners& signers) {
  return fmt::format("{}, {}{}{}", signers.leaf.common_name(), signers.ica.common_name(),
                     signers.ark ? ", ARK" : "", signers.crl ? ", CRL" : "");
}
std::string describe_names(const SnpChainNames& names) {
  return fmt::format("{} of {}", names.key == evidence::SnpSigningKey::vlek ? "a VLEK" : "a VCEK",
                     to_string(names.product));
}
std::string describe_root(const TrustRoot& root) {
  return fmt::format("to {}", root.certificate.common_name());
}
std::string describe_leaf(const AmdExtension& leaf) { return leaf.product_name; }
std::string describe_tcb(const SnpTcb& tcb) {
  return fmt::format("fmc {} bl {} tee {} snp {} ucode {}", tcb.fmc, tcb.bl, tcb.tee, tcb.snp,
                     tcb.ucode);
}

// What AMD's rules left standing, from the report to the chip.
struct Genuine {
  Result<SnpReport> report;
  Result<SnpSigners> signers;
  Result<SnpChainNames> names;
  Result<TrustRoot> root;
  Result<AmdExtension> leaf;
};

Result<SnpChainNames> find_names(const Result<SnpSigners>& signers) {
  TRY_ASSIGN(const SnpSigners* const found, need(signers));
  return read_snp_names(*found);
}

Result<TrustRoot> find_root(const Result<SnpSigners>& signers, const Result<SnpChainNames>& names,
                            const Policy& policy, Time at) {
  TRY_ASSIGN(const SnpSigners* const found, need(signers));
  TRY_ASSIGN(const SnpChainNames* const named, need(names));
  return judge_snp_chain(*found, *named, policy, at);
}

Result<AmdExtension> find_leaf(const Result<SnpSigners>& signers,
                               const Result<SnpChainNames>& names) {
  TRY_ASSIGN(const SnpSigners* const found, need(signers));
  TRY_ASSIGN(const SnpChainNames* const named, need(names));
  return read_snp_extension(*found, *named);
}

// Skipped only where the revocation list was neither given nor demanded.
void judge_crl(const Genuine& from, const evidence::SnpCertificates* certificates,
               const SnpPolicy& policy, Time at, Findings& findings) {
  const bool given = certificates != nullptr && certificates->crl.has_value();
  if (!given) {
    if (policy.require_crl || policy.min_crl_this_update) {
      findings.check("snp.crl", fail(Errc::unavailable, "S7: no CRL, and the policy demands one"));
    } else {
      findings.verdict().skip("snp.crl", "no CRL was given");
    }
    return;
  }
  const auto status = [&]() -> Status {
    TRY_ASSIGN(const SnpSigners* const signers, need(from.signers));
    TRY_ASSIGN(const TrustRoot* const root, need(from.root));
    return check_snp_crl(*signers, *root, policy, at);
  };
  findings.check("snp.crl", status());
}

Genuine judge_certificates(ByteView bytes, const evidence::SnpCertificates* certificates,
                           const Policy& policy, Time at, Findings& findings) {
  auto report =
      findings.record("snp.report.parse", evidence::parse_snp_report(bytes), describe_report);
  auto signers =
      findings.record("snp.certificates", read_snp_signers(certificates), describe_signers);
  auto names = findings.record("snp.chain.names", find_names(signers), describe_names);
  auto root = findings.record("snp.chain", find_root(signers, names, policy, at), describe_root);
  auto leaf = findings.record("snp.leaf.extensions", find_leaf(signers, names), describe_leaf);
  Genuine out{std::move(report), std::move(signers), std::move(names), std::move(root),
              std::move(leaf)};
  judge_crl(out, certificates, policy.snp, at, findings);
  return out;
}

Status signing_key(const Genuine& from) {
  TRY_ASSIGN(const SnpReport* const report, need(from.report));
  TRY_ASSIGN(const SnpChainNames* const names, need(from.names));
  return check_signing_key(*report, *names);
}

Status report_signature(const Genuine& from) {
  TRY_ASSIGN(const SnpReport* const report, need(from.report));
  TRY_ASSIGN(const SnpSigners* const signers, need(from.signers));
  return check_report_signature(*report, signers->leaf);
}

Status product(const Genuine& from) {
  TRY_ASSIGN(const SnpReport* const report, need(from.report));
  TRY_ASSIGN(const SnpChainNames* const names, need(from.names));
  TRY_ASSIGN(const AmdExtension* const leaf, need(from.leaf));
  return check_product(*report, *leaf, *names);
}

Result<SnpTcb> reported_tcb(const Genuine& from) {
  TRY_ASSIGN(const SnpReport* const report, need(from.report));
  TRY_ASSIGN(const SnpChainNames* const names, need(from.names));
  TRY_ASSIGN(const AmdExtension* const leaf, need(from.leaf));
  return check_reported_tcb(*report, *leaf, names->product);
}

Status chip_id(const Genuine& from, const SnpPolicy& policy) {
  TRY_ASSIGN(const SnpReport* const report, need(from.report));
  TRY_ASSIGN(const SnpChainNames* const names, need(from.names));
  TRY_ASSIGN(const AmdExtension* const leaf, need(from.leaf));
  return check_chip_id(*report, *leaf, *names, policy);
}

Status tcb_floors(const Genuine& from, const Result<SnpTcb>& tcb, const SnpPolicy& policy) {
  TRY_ASSIGN(const SnpTcb* const certified, need(tcb));
  return accept_tcb(*from.report, *certified, from.names->product, policy);
}

template <class Accept>
Status accept(const Result<SnpReport>& report, Accept rule) {
  TRY_ASSIGN(const SnpReport* const found, need(report));
  return rule(*found);
}

void judge_policy(const Genuine& from, const Result<SnpTcb>& tcb, const SnpPolicy& policy,
                  Findings& findings) {
  findings.check("snp.guest_policy", accept(from.report, [&](const SnpReport& report) {
                   return accept_guest_policy(report.policy, policy);
                 }));
  findings.check("snp.platform_info", accept(from.report, [&](const SnpReport& report) {
                   return accept_platform_info(report.platform_info, policy);
                 }));
  findings.check("snp.tcb.floor", tcb_floors(from, tcb, policy));
  findings.check("snp.firmware", accept(from.report, [&](const SnpReport& report) {
                   return accept_firmware(report, policy);
                 }));
  findings.check("snp.guest", accept(from.report, [&](const SnpReport& report) {
                   return accept_guest(report, policy);
                 }));
  if (!pins_values(policy)) {
    findings.verdict().skip("snp.values", "the policy pins no value");
    return;
  }
  findings.check("snp.values", accept(from.report, [&](const SnpReport& report) {
                   return accept_values(report, from.leaf ? &*from.leaf : nullptr, policy);
                 }));
}

// What the chain says, for it is certified; else what the report says of itself.
std::optional<evidence::SnpProduct> product_claim(const Genuine& from) {
  if (from.names) return from.names->product;
  return product_of(from.report->cpuid);
}

void add_all_claims(const Genuine& from, Json& claims) {
  if (from.report) add_claims(claims, *from.report, product_claim(from));
  if (from.signers) add_claims(claims, *from.signers);
  if (from.leaf) add_claims(claims, *from.leaf);
}

}  // namespace

Result<VerifiedSnp> verify_snp(ByteView report, const evidence::SnpCertificates* certificates,
                               const Policy& policy, Time at, Verdict& verdict) {
  Findings findings(verdict);
  const Genuine from = judge_certificates(report, certificates, policy, at, findings);
  findings.check("snp.signing_key", signing_key(from));
  findings.check("snp.report.signature", report_signature(from));
  findings.check("snp.product", product(from));
  const auto tcb = findings.record("snp.tcb", reported_tcb(from), describe_tcb);
  findings.check("snp.chip_id", chip_id(from, policy.snp));
  add_all_claims(from, verdict.claims);
  // Without a leaf there is nothing to check a signature with: neither good nor bad.
  const bool has_leaf = certificates != nullptr && certificates->leaf.has_value();
  verdict.claims["crypto_ok"] = has_leaf ? Json(!findings.first_failure()) : Json();
  if (from.root && from.root->simulated) verdict.simulated = true;
  judge_policy(from, tcb, policy.snp, findings);
  if (findings.first_failure()) return tl::unexpected<Error>(*findings.first_failure());
  return VerifiedSnp(*from.report, from.names->product, from.root->simulated);
}

}  // namespace confide::verify
