#include "verify/snp_chain.h"

#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace confide::verify {
namespace {

using crypto::Certificate;
using crypto::Crl;
using evidence::SnpProduct;
using evidence::SnpSigningKey;

constexpr std::array kProducts{SnpProduct::milan, SnpProduct::genoa, SnpProduct::turin};
// AMD's leaves name neither their own key nor their issuer's, and its specification asks for no key
// usage of CAs, although the real ones have it.
constexpr crypto::ChainRules kRules{.key_identifiers = false, .key_usage = false};

tl::unexpected<Error> prefixed(std::string_view rule, const Error& error) {
  return fail(error.code, fmt::format("{}: {}", rule, error.message));
}

Result<Certificate> read_certificate(std::string_view what, ByteView bytes) {
  const bool pem = as_text(bytes).starts_with("-----BEGIN");
  auto out = pem ? Certificate::from_pem(as_text(bytes)) : Certificate::from_der(bytes);
  if (!out) return prefixed(fmt::format("S4: {}", what), out.error());
  return out;
}

Result<Certificate> read_needed(std::string_view what, const std::optional<Bytes>& bytes) {
  if (!bytes) return fail(Errc::unavailable, fmt::format("S4: no {}", what));
  return read_certificate(what, *bytes);
}

std::string_view ica_prefix(SnpSigningKey key) {
  return key == SnpSigningKey::vlek ? "SEV-VLEK-" : "SEV-";
}

Anchor anchor_of(SnpProduct product) {
  switch (product) {
    case SnpProduct::milan:
      return Anchor::amd_milan;
    case SnpProduct::genoa:
      return Anchor::amd_genoa;
    case SnpProduct::turin:
      break;
  }
  return Anchor::amd_turin;
}

// Roots of the same name are told apart by verify_chain() alone: it checks the signature.
bool may_lead_to(const SnpSigners& signers, const SnpChainNames& names, const TrustRoot& root) {
  return root.may_anchor(anchor_of(names.product)) &&
         root.certificate.common_name() == fmt::format("ARK-{}", to_string(names.product)) &&
         root.certificate.subject_der() == signers.ica.issuer_der();
}

}  // namespace

Result<SnpSigners> read_snp_signers(const evidence::SnpCertificates* certificates) {
  if (certificates == nullptr) return fail(Errc::unavailable, "S4: no certificates");
  TRY_ASSIGN(auto leaf, read_needed("VCEK or VLEK", certificates->leaf));
  TRY_ASSIGN(auto ica, read_needed("ASK or ASVK", certificates->ica));
  SnpSigners out{.leaf = std::move(leaf), .ica = std::move(ica), .ark = {}, .crl = {}};
  if (certificates->ark) {
    TRY_ASSIGN(out.ark, read_certificate("ARK", *certificates->ark));
  }
  if (certificates->crl) {
    auto crl = Crl::from_any(*certificates->crl);
    if (!crl) return prefixed("S4: CRL", crl.error());
    out.crl = *std::move(crl);
  }
  return out;
}

Result<SnpChainNames> read_snp_names(const SnpSigners& signers) {
  const std::string leaf = signers.leaf.common_name();
  if (leaf != "SEV-VCEK" && leaf != "SEV-VLEK") {
    return fail(Errc::untrusted, "S5: the leaf is neither a VCEK nor a VLEK");
  }
  const SnpSigningKey key = leaf == "SEV-VLEK" ? SnpSigningKey::vlek : SnpSigningKey::vcek;
  const std::string ica = signers.ica.common_name();
  for (const SnpProduct product : kProducts) {
    if (ica == fmt::format("{}{}", ica_prefix(key), to_string(product)))
      return SnpChainNames{key, product};
  }
  return fail(Errc::untrusted, fmt::format("S5: '{}' does not issue a {}", ica, leaf));
}

Result<TrustRoot> judge_snp_chain(const SnpSigners& signers, const SnpChainNames& names,
                                  const Policy& policy, Time at) {
  const std::array chain{signers.leaf, signers.ica};
  std::optional<Error> reason;
  for (const TrustRoot& root : policy.roots) {
    if (!may_lead_to(signers, names, root)) continue;
    if (signers.ark && !(*signers.ark == root.certificate)) continue;
    const Status judged = crypto::verify_chain(chain, root.certificate, at, {}, kRules);
    if (judged) return root;
    if (!reason) reason = judged.error();
  }
  if (reason) return prefixed("S6", *reason);
  if (signers.ark) return fail(Errc::untrusted, "S6: the ARK is no trusted root of this chain");
  return fail(Errc::untrusted,
              fmt::format("S6: no trusted root is named '{}'", signers.ica.issuer()));
}

Status check_snp_crl(const SnpSigners& signers, const TrustRoot& root, const SnpPolicy& policy,
                     Time at) {
  // The ARK's own number is looked up as well.
  const std::array chain{signers.ica};
  const std::array crls{*signers.crl};
  const Status judged = crypto::verify_chain(chain, root.certificate, at, crls, kRules);
  if (!judged) return prefixed("S7", judged.error());
  if (policy.min_crl_this_update && signers.crl->this_update() < *policy.min_crl_this_update) {
    return fail(Errc::policy, fmt::format("S7: the CRL is of {}, before what the policy asks for",
                                          to_rfc3339(signers.crl->this_update())));
  }
  return {};
}

Result<crypto::AmdExtension> read_snp_extension(const SnpSigners& signers,
                                                const SnpChainNames& names) {
  auto out = crypto::read_amd_extension(signers.leaf);
  if (!out) return prefixed("S8", out.error());
  const bool turin = names.product == SnpProduct::turin;
  if (out->fmc.has_value() != turin) {
    return fail(Errc::mismatch,
                "S8: an FMC level stands in certificates of Turin, and in no other");
  }
  const bool vlek = names.key == SnpSigningKey::vlek;
  if (out->csp_id.has_value() != vlek || (vlek && out->hw_id)) {
    return fail(Errc::mismatch, "S8: a VLEK names a provider and no chip, a VCEK no provider");
  }
  return out;
}

}  // namespace confide::verify
