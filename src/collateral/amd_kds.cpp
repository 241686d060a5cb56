#include "collateral/amd_kds.h"

#include <algorithm>

#include <fmt/format.h>

#include "crypto/x509.h"

namespace confide::collateral {
namespace {

using evidence::SnpProduct;
using evidence::SnpSigningKey;

// The hardware id of a Turin is as long as the part of CHIP_ID that it uses.
constexpr std::size_t kTurinHwId = 8;

std::string_view name_of(SnpSigningKey key) { return key == SnpSigningKey::vlek ? "vlek" : "vcek"; }

Result<Entry> read_certificate(const HttpAnswer& answer) {
  TRY_ASSIGN(const auto certificate, crypto::Certificate::from_der(answer.body));
  return Entry{answer.body, "", certificate.not_before(), certificate.not_after()};
}

Result<Entry> read_chain(const HttpAnswer& answer) {
  TRY_ASSIGN(const auto chain, crypto::parse_pem_chain(as_text(answer.body)));
  if (chain.size() != 2) return fail(Errc::malformed, "a chain of two certificates is expected");
  return Entry{answer.body, "", std::max(chain[0].not_before(), chain[1].not_before()),
               std::min(chain[0].not_after(), chain[1].not_after())};
}

Result<Entry> read_crl(const HttpAnswer& answer) {
  TRY_ASSIGN(const auto crl, crypto::Crl::from_any(answer.body));
  return Entry{to_bytes(crl.der()), "", crl.this_update(), crl.next_update()};
}

}  // namespace

Result<Query> query_vcek(std::string_view base, const evidence::SnpReport& report,
                         SnpProduct product) {
  if (report.key_info.signing_key() != SnpSigningKey::vcek) {
    return fail(Errc::unsupported,
                "the report is not signed by a VCEK, and AMD gives out no other certificates: take "
                "the VLEK certificate from the host's certificate table");
  }
  if (std::ranges::all_of(report.chip_id, [](std::uint8_t byte) { return byte == 0; })) {
    return fail(Errc::unsupported, "the report hides its chip id, by which AMD finds certificates");
  }
  TRY_ASSIGN(const auto tcb, evidence::parse_snp_tcb(report.reported_tcb, product));
  ByteView hwid(report.chip_id);
  std::string levels = fmt::format("blSPL={:02}&teeSPL={:02}&snpSPL={:02}&ucodeSPL={:02}", tcb.bl,
                                   tcb.tee, tcb.snp, tcb.ucode);
  if (product == SnpProduct::turin) {
    hwid = hwid.first(kTurinHwId);
    levels = fmt::format("fmcSPL={:02}&{}", tcb.fmc, levels);
  }
  Query query;
  query.kind = "vcek";
  query.what = fmt::format("the VCEK certificate of this {} at this TCB", to_string(product));
  query.key = fmt::format("/vcek/v1/{}/{}?{}", to_string(product), to_hex(hwid), levels);
  query.request.url = join_url(base, query.key);
  query.read = read_certificate;
  return query;
}

Query query_cert_chain(std::string_view base, SnpSigningKey key, SnpProduct product) {
  Query query;
  query.kind = "snp_chain";
  query.what = fmt::format("AMD's {} certificates for {}", name_of(key), to_string(product));
  query.key = fmt::format("/{}/v1/{}/cert_chain", name_of(key), to_string(product));
  query.request.url = join_url(base, query.key);
  query.read = read_chain;
  return query;
}

Query query_snp_crl(std::string_view base, SnpSigningKey key, SnpProduct product) {
  Query query;
  query.kind = "snp_crl";
  query.what = fmt::format("AMD's CRL for {}", to_string(product));
  query.key = fmt::format("/{}/v1/{}/crl", name_of(key), to_string(product));
  query.request.url = join_url(base, query.key);
  query.read = read_crl;
  return query;
}

}  // namespace confide::collateral
