#include "verify/dcap_chain.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "crypto/hash.h"

namespace confide::verify {
namespace {

using crypto::Certificate;
using crypto::Crl;

constexpr std::string_view kPckName = "Intel SGX PCK Certificate";
constexpr std::string_view kPlatformCaName = "Intel SGX PCK Platform CA";
constexpr std::string_view kProcessorCaName = "Intel SGX PCK Processor CA";
constexpr std::string_view kTcbSigningName = "Intel SGX TCB Signing";

tl::unexpected<Error> prefixed(std::string_view rule, const Error& error) {
  return fail(error.code, fmt::format("{}: {}", rule, error.message));
}

Result<std::vector<Certificate>> read_chain(std::string_view what, std::string_view pem,
                                            std::span<const Certificate> known) {
  auto chain = crypto::parse_pem_chain(pem, known);
  if (!chain) return prefixed(what, chain.error());
  return chain;
}

Result<Crl> read_crl(std::string_view what, ByteView der) {
  auto crl = Crl::from_der(der);
  if (!crl) return prefixed(what, crl.error());
  return crl;
}

// T5: the names keep a key that Intel certified for one purpose from serving another.
Status check_pck_names(const std::vector<Certificate>& chain) {
  if (chain.size() != 2 && chain.size() != 3) {
    return fail(Errc::untrusted, fmt::format("T5: {} certificates, not three", chain.size()));
  }
  if (chain[0].common_name() != kPckName) {
    return fail(Errc::untrusted, "T5: the leaf is no PCK certificate");
  }
  const std::string ca = chain[1].common_name();
  if (ca != kPlatformCaName && ca != kProcessorCaName) {
    return fail(Errc::untrusted, "T5: the leaf's issuer is no PCK CA");
  }
  return {};
}

// Roots of the same name are told apart by verify_chain() alone: it checks the signature.
bool may_lead_to(const std::vector<Certificate>& chain, const Certificate& root) {
  return chain.back().issuer_der() == root.subject_der();
}

// T4.
Result<DcapSigners> read_signers(const evidence::TdxCollateral* collateral) {
  if (collateral == nullptr) return fail(Errc::unavailable, "T4: no collateral");
  DcapSigners out;
  TRY_ASSIGN(auto tcb_info, read_chain("T4: TCB info issuer chain",
                                       collateral->tcb_info_issuer_chain, {&intel_sgx_root(), 1}));
  out.tcb_info = std::make_shared<const JudgedChain>(std::move(tcb_info));
  if (collateral->qe_identity_issuer_chain == collateral->tcb_info_issuer_chain) {
    out.qe_identity = out.tcb_info;
  } else {
    TRY_ASSIGN(auto qe_identity,
               read_chain("T4: QE identity issuer chain", collateral->qe_identity_issuer_chain,
                          out.tcb_info->certificates()));
    out.qe_identity = std::make_shared<const JudgedChain>(std::move(qe_identity));
  }
  TRY_ASSIGN(Crl pck, read_crl("T4: PCK CRL", collateral->pck_crl));
  TRY_ASSIGN(Crl root, read_crl("T4: root CA CRL", collateral->root_ca_crl));
  out.crls = {std::move(pck), std::move(root)};
  return out;
}

// T12, T16: read only if the key beside it signed it.
template <class T>
Result<T> read_signed(std::string_view text, const crypto::P256Signature& signature,
                      const Certificate& signer, Result<T> (*parse)(std::string_view)) {
  const Status valid = crypto::verify_p256(signer, as_bytes(text), signature);
  if (!valid) return prefixed("T12", valid.error());
  auto parsed = parse(text);
  if (!parsed) return prefixed("T13", parsed.error());
  return parsed;
}

std::shared_ptr<const Endorsements::Impl> read_endorsements(
    const evidence::TdxCollateral* collateral) {
  auto out = std::make_shared<Endorsements::Impl>();
  out->signers = read_signers(collateral);
  if (!out->signers) {
    out->tcb_info = tl::unexpected<Error>(out->signers.error());
    out->qe_identity = tl::unexpected<Error>(out->signers.error());
    return out;
  }
  const DcapSigners& signers = *out->signers;
  out->tcb_info = read_signed(collateral->tcb_info, collateral->tcb_info_signature,
                              signers.tcb_info->certificates().front(), evidence::parse_tcb_info);
  out->qe_identity =
      read_signed(collateral->qe_identity, collateral->qe_identity_signature,
                  signers.qe_identity->certificates().front(), evidence::parse_qe_identity);
  return out;
}

Result<crypto::SgxExtension> read_extension(const Certificate& pck) {
  const auto der = pck.extension(crypto::kSgxExtensionOid);
  if (!der) return fail(Errc::malformed, "T8: the PCK certificate has no SGX extension");
  auto out = crypto::parse_sgx_extension(*der);
  if (!out) return prefixed("T8", out.error());
  return out;
}

}  // namespace

Endorsements::Endorsements(const evidence::TdxCollateral* collateral)
    : impl_(read_endorsements(collateral)) {}

Result<std::shared_ptr<const PckChain>> PckChains::read(const std::string& pem,
                                                        std::span<const Certificate> known) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = known_.find(pem); at != known_.end()) return at->second;
  }
  TRY_ASSIGN(auto certificates, read_chain("T5: PCK chain", pem, known));
  auto extension = read_extension(certificates.front());
  auto chain = std::make_shared<const PckChain>(std::move(certificates), std::move(extension));
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMost) known_.clear();
  known_.emplace(pem, chain);
  return chain;
}

Status JudgedChain::judge(const Certificate& root, const std::vector<Crl>& crls, Time at) const {
  {
    const std::lock_guard lock(mutex_);
    const auto holds = [&](const Success& success) {
      return success.from <= at && at < success.until && success.root == root;
    };
    if (std::ranges::any_of(successes_, holds)) return {};
  }
  TRY(crypto::verify_chain(certificates_, root, at, crls));
  Success success{.root = root, .from = root.not_before(), .until = root.not_after()};
  for (const Certificate& certificate : certificates_) {
    success.from = std::max(success.from, certificate.not_before());
    success.until = std::min(success.until, certificate.not_after());
  }
  for (const Crl& crl : crls) {
    success.from = std::max(success.from, crl.this_update());
    success.until = std::min(success.until, crl.next_update());
  }
  const std::lock_guard lock(mutex_);
  if (successes_.size() >= kMost) successes_.clear();
  successes_.push_back(std::move(success));
  return {};
}

Result<TrustRoot> judge_pck_chain(const JudgedChain& judged_chain, const DcapSigners& signers,
                                  const Policy& policy, Time at) {
  const std::vector<Certificate>& chain = judged_chain.certificates();
  TRY(check_pck_names(chain));
  std::optional<Error> reason;
  for (const TrustRoot& root : policy.roots) {
    if (!root.may_anchor(Anchor::intel_sgx) || !may_lead_to(chain, root.certificate)) continue;
    const Status judged = judged_chain.judge(root.certificate, signers.crls, at);
    if (judged) return root;
    if (!reason) reason = judged.error();
  }
  if (reason) return prefixed("T6/T7", *reason);
  return fail(Errc::untrusted,
              fmt::format("T6: no trusted root is named '{}'", chain.back().issuer()));
}

Status check_qe_signature(const evidence::DcapQuote& quote, const Certificate& pck) {
  const Status valid = crypto::verify_p256(pck, quote.qe_report_bytes, quote.qe_report_signature);
  if (!valid) return prefixed("T9", valid.error());
  return {};
}

Status check_qe_binding(const evidence::DcapQuote& quote) {
  Bytes text = to_bytes(quote.attestation_key);
  append(text, quote.qe_auth_data);
  const crypto::Sha256 digest = crypto::sha256(text);
  if (!std::ranges::equal(digest, ByteView(quote.qe_report.report_data).first(digest.size()))) {
    return fail(Errc::mismatch, "T10: the QE report does not name this attestation key");
  }
  return {};
}

Status check_quote_signature(const evidence::DcapQuote& quote) {
  const Status valid =
      crypto::p256_verify(quote.attestation_key, quote.signed_bytes, quote.signature);
  if (!valid) return prefixed("T11", valid.error());
  return {};
}

Status judge_tcb_signer(const JudgedChain& chain, const Certificate& root,
                        const DcapSigners& signers, Time at) {
  if (chain.certificates().front().common_name() != kTcbSigningName) {
    return fail(Errc::untrusted, "T12: the signer is no TCB signing certificate");
  }
  const Status judged = chain.judge(root, signers.crls, at);
  if (!judged) return prefixed("T12", judged.error());
  return {};
}

}  // namespace confide::verify
