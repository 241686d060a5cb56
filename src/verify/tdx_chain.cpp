#include "verify/tdx_chain.h"

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

Result<std::vector<Certificate>> read_chain(std::string_view what, std::string_view pem) {
  auto chain = crypto::parse_pem_chain(pem);
  if (!chain) return prefixed(what, chain.error());
  if (chain->empty()) return fail(Errc::malformed, fmt::format("{}: no certificate", what));
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
  return chain.back() == root || chain.back().issuer() == root.subject();
}

}  // namespace

Result<TdxSigners> read_signers(const evidence::TdxCollateral* collateral) {
  if (collateral == nullptr) return fail(Errc::unavailable, "T4: no collateral");
  TdxSigners out;
  TRY_ASSIGN(out.tcb_info,
             read_chain("T4: TCB info issuer chain", collateral->tcb_info_issuer_chain));
  TRY_ASSIGN(out.qe_identity,
             read_chain("T4: QE identity issuer chain", collateral->qe_identity_issuer_chain));
  TRY_ASSIGN(Crl pck, read_crl("T4: PCK CRL", collateral->pck_crl));
  TRY_ASSIGN(Crl root, read_crl("T4: root CA CRL", collateral->root_ca_crl));
  out.crls = {std::move(pck), std::move(root)};
  return out;
}

Result<std::vector<Certificate>> read_pck_chain(const evidence::TdxQuote& quote) {
  return read_chain("T5: PCK chain", quote.pck_chain_pem);
}

Result<TrustRoot> judge_pck_chain(const std::vector<Certificate>& chain, const TdxSigners& signers,
                                  const Policy& policy, Time at) {
  TRY(check_pck_names(chain));
  std::optional<Error> reason;
  for (const TrustRoot& root : policy.roots) {
    if (!may_lead_to(chain, root.certificate)) continue;
    const Status judged = crypto::verify_chain(chain, root.certificate, at, signers.crls);
    if (judged) return root;
    if (!reason) reason = judged.error();
  }
  if (reason) return prefixed("T6/T7", *reason);
  return fail(Errc::untrusted,
              fmt::format("T6: no trusted root is named '{}'", chain.back().issuer()));
}

Status check_qe_signature(const evidence::TdxQuote& quote, const Certificate& pck) {
  const Status valid = crypto::verify_p256(pck, quote.qe_report_bytes, quote.qe_report_signature);
  if (!valid) return prefixed("T9", valid.error());
  return {};
}

Status check_qe_binding(const evidence::TdxQuote& quote) {
  Bytes text = to_bytes(quote.attestation_key);
  append(text, quote.qe_auth_data);
  const crypto::Sha256 digest = crypto::sha256(text);
  if (!std::ranges::equal(digest, ByteView(quote.qe_report.report_data).first(digest.size()))) {
    return fail(Errc::mismatch, "T10: the QE report does not name this attestation key");
  }
  return {};
}

Status check_quote_signature(const evidence::TdxQuote& quote) {
  const Status valid =
      crypto::p256_verify(quote.attestation_key, quote.signed_bytes, quote.signature);
  if (!valid) return prefixed("T11", valid.error());
  return {};
}

Status check_signed_text(std::string_view text, const crypto::P256Signature& signature,
                         const std::vector<Certificate>& chain, const Certificate& root,
                         const TdxSigners& signers, Time at) {
  if (chain[0].common_name() != kTcbSigningName) {
    return fail(Errc::untrusted, "T12: the signer is no TCB signing certificate");
  }
  const Status judged = crypto::verify_chain(chain, root, at, signers.crls);
  if (!judged) return prefixed("T12", judged.error());
  const Status valid = crypto::verify_p256(chain[0], as_bytes(text), signature);
  if (!valid) return prefixed("T12", valid.error());
  return {};
}

}  // namespace confide::verify
