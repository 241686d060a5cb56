#include "collateral/intel_pcs.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "collateral/signed_json.h"
#include "crypto/sgx_extension.h"
#include "crypto/x509.h"
#include "evidence/dcap_quote.h"

namespace confide::collateral {
namespace {

constexpr auto kIntelRootCrl = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";

// People give the base with or without what is the same for all.
std::string_view without_version(std::string_view base) {
  while (base.ends_with('/')) base.remove_suffix(1);
  for (const std::string_view suffix : {"/sgx/certification/v4", "/tdx/certification/v4"}) {
    if (base.ends_with(suffix)) base.remove_suffix(suffix.size());
  }
  return base;
}

Result<std::string> read_chain(const HttpAnswer& answer,
                               std::initializer_list<std::string_view> headers) {
  for (const std::string_view name : headers) {
    if (!answer.header(name).empty()) return percent_decode(answer.header(name));
  }
  return fail(Errc::malformed, fmt::format("no header {}", *headers.begin()));
}

Result<Time> read_time(const Json& object, std::string_view name) {
  TRY_ASSIGN(const std::string text, json::get_string(object, name));
  return parse_rfc3339(text);
}

Result<Entry> read_signed(const HttpAnswer& answer, std::string_view member,
                          std::initializer_list<std::string_view> headers) {
  TRY_ASSIGN(const SignedJson parsed, parse_signed_json(as_text(answer.body), member));
  TRY_ASSIGN(const Json object, json::parse(parsed.text));
  Entry entry;
  TRY_ASSIGN(entry.valid_from, read_time(object, "issueDate"));
  TRY_ASSIGN(entry.valid_until, read_time(object, "nextUpdate"));
  TRY_ASSIGN(entry.issuer_chain, read_chain(answer, headers));
  entry.body = answer.body;
  return entry;
}

Result<Entry> read_crl(const HttpAnswer& answer) {
  TRY_ASSIGN(const auto crl, crypto::Crl::from_any(answer.body));
  return Entry{to_bytes(crl.der()), "", crl.this_update(), crl.next_update()};
}

}  // namespace

Result<PckIdentity> pck_identity(ByteView quote) {
  TRY_ASSIGN(const auto parsed, evidence::parse_dcap_quote(quote));
  TRY_ASSIGN(const auto chain, crypto::parse_pem_chain(parsed.pck_chain_pem));
  if (chain.empty()) return fail(Errc::malformed, "the quote carries no PCK certificate");
  const auto extension = chain.front().extension(crypto::kSgxExtensionOid);
  if (!extension) return fail(Errc::malformed, "the PCK certificate has no SGX extension");
  TRY_ASSIGN(const auto sgx, crypto::parse_sgx_extension(*extension));
  PckIdentity out;
  out.tdx = parsed.td() != nullptr;
  out.fmspc = sgx.fmspc;
  const bool processor = chain.front().issuer().find("Processor CA") != std::string::npos;
  out.ca = processor ? PckCa::processor : PckCa::platform;
  return out;
}

Query query_tcb_info(std::string_view base, const PckIdentity& pck) {
  const std::string fmspc = to_hex(pck.fmspc);
  Query query;
  query.kind = "tcb_info";
  query.what = fmt::format("{} TCB info of FMSPC {}", pck.tdx ? "TDX" : "SGX", fmspc);
  query.key = fmt::format("/{}/certification/v4/tcb?fmspc={}", pck.tdx ? "tdx" : "sgx", fmspc);
  query.request.url = join_url(without_version(base), query.key);
  query.read = [](const HttpAnswer& answer) {
    // The second name is version 3's, which some PCCS still use.
    return read_signed(answer, "tcbInfo", {"tcb-info-issuer-chain", "sgx-tcb-info-issuer-chain"});
  };
  return query;
}

Query query_qe_identity(std::string_view base, const PckIdentity& pck) {
  Query query;
  query.kind = "qe_identity";
  query.what = pck.tdx ? "the TDX QE identity" : "the SGX QE identity";
  query.key = fmt::format("/{}/certification/v4/qe/identity", pck.tdx ? "tdx" : "sgx");
  query.request.url = join_url(without_version(base), query.key);
  query.read = [](const HttpAnswer& answer) {
    return read_signed(answer, "enclaveIdentity", {"sgx-enclave-identity-issuer-chain"});
  };
  return query;
}

Query query_pck_crl(std::string_view base, const PckIdentity& pck) {
  const std::string_view ca = pck.ca == PckCa::processor ? "processor" : "platform";
  Query query;
  query.kind = "pck_crl";
  query.what = fmt::format("the CRL of the PCK {} CA", ca);
  query.key = fmt::format("/sgx/certification/v4/pckcrl?ca={}&encoding=der", ca);
  query.request.url = join_url(without_version(base), query.key);
  query.read = [](const HttpAnswer& answer) -> Result<Entry> {
    TRY_ASSIGN(Entry entry, read_crl(answer));
    TRY_ASSIGN(entry.issuer_chain, read_chain(answer, {"sgx-pck-crl-issuer-chain"}));
    return entry;
  };
  return query;
}

Query query_root_ca_crl(std::string_view base) {
  base = without_version(base);
  Query query;
  query.kind = "root_ca_crl";
  query.what = "the CRL of the SGX root CA";
  query.key = "/sgx/certification/v4/rootcacrl";
  query.request.url = base == kIntelPcs ? kIntelRootCrl : join_url(base, query.key);
  query.read = read_crl;
  return query;
}

}  // namespace confide::collateral
