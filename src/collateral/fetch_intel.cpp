#include <utility>

#include "collateral/fetch.h"
#include "collateral/signed_json.h"

namespace confide::collateral {
namespace {

// Parts come with their signature and chain, or not at all.
Status use_signed(const std::optional<Entry>& entry, std::string_view member, std::string& text,
                  ByteArray<64>& signature, std::string& chain) {
  if (!entry) return {};
  TRY_ASSIGN(SignedJson parsed, parse_signed_json(as_text(entry->body), member));
  text = std::move(parsed.text);
  signature = parsed.signature;
  chain = entry->issuer_chain;
  return {};
}

}  // namespace

Status Fetcher::complete(ByteView quote, evidence::TdxCollateral& c) {
  const auto pck = pck_identity(quote);
  if (!pck) return {};
  if (c.tcb_info.empty() || c.tcb_info_issuer_chain.empty()) {
    TRY_ASSIGN(const auto entry, get(query_tcb_info(sources_.pcs, *pck)));
    TRY(use_signed(entry, "tcbInfo", c.tcb_info, c.tcb_info_signature, c.tcb_info_issuer_chain));
  }
  if (c.qe_identity.empty() || c.qe_identity_issuer_chain.empty()) {
    TRY_ASSIGN(const auto entry, get(query_qe_identity(sources_.pcs, *pck)));
    TRY(use_signed(entry, "enclaveIdentity", c.qe_identity, c.qe_identity_signature,
                   c.qe_identity_issuer_chain));
  }
  if (c.pck_crl.empty() || c.pck_crl_issuer_chain.empty()) {
    TRY_ASSIGN(const auto entry, get(query_pck_crl(sources_.pcs, *pck)));
    if (entry) {
      c.pck_crl = entry->body;
      c.pck_crl_issuer_chain = entry->issuer_chain;
    }
  }
  if (c.root_ca_crl.empty()) {
    TRY_ASSIGN(const auto entry, get(query_root_ca_crl(sources_.pcs)));
    if (entry) c.root_ca_crl = entry->body;
  }
  return {};
}

}  // namespace confide::collateral
