#include <algorithm>
#include <array>
#include <utility>

#include "collateral/fetch.h"

namespace confide::collateral {
namespace {

using evidence::SnpCertificates;
using evidence::SnpProduct;
using evidence::SnpReport;
using evidence::SnpSigningKey;

// The product that an ARK or ASK names: ARK-Milan, SEV-Milan, SEV-VLEK-Milan.
std::optional<SnpProduct> named_product(const std::optional<Bytes>& certificate) {
  if (!certificate) return std::nullopt;
  auto parsed = crypto::Certificate::from_der(*certificate);
  if (!parsed) parsed = crypto::Certificate::from_pem(as_text(*certificate));
  if (!parsed) return std::nullopt;
  const std::string name = parsed->common_name();
  for (const SnpProduct product : {SnpProduct::milan, SnpProduct::genoa, SnpProduct::turin}) {
    if (name.ends_with(evidence::to_string(product))) return product;
  }
  return std::nullopt;
}

// Reports of version 2 do not say: then what certificates there are do, or AMD is asked for both
// products that have made such reports.
std::vector<SnpProduct> products_of(const SnpReport& report, const SnpCertificates& given) {
  if (report.version > 2) {
    const auto product = evidence::product_of(report.cpuid);
    return product ? std::vector{*product} : std::vector<SnpProduct>{};
  }
  for (const auto& certificate : {given.ark, given.ica}) {
    if (const auto product = named_product(certificate)) return {*product};
  }
  return {SnpProduct::milan, SnpProduct::genoa};
}

}  // namespace

Result<std::optional<SnpProduct>> Fetcher::complete_vcek(const SnpReport& report,
                                                         std::span<const SnpProduct> products,
                                                         SnpCertificates& certificates) {
  for (const SnpProduct product : products) {
    auto query = query_vcek(sources_.kds, report, product);
    if (!query && http_ == nullptr) return std::optional<SnpProduct>();
    TRY(query);
    auto entry = get(*query);
    const bool last = product == products.back();
    if (!entry && entry.error().code == Errc::not_found && !last) continue;
    TRY(entry);
    if (!*entry) continue;
    certificates.leaf = (*entry)->body;
    return std::optional<SnpProduct>(product);
  }
  return std::optional<SnpProduct>();
}

Status Fetcher::complete(ByteView report_bytes, SnpCertificates& certificates) {
  const auto report = evidence::parse_snp_report(report_bytes);
  if (!report) return {};
  const auto products = products_of(*report, certificates);
  if (products.empty()) return {};
  std::optional<SnpProduct> product = products.front();
  if (!certificates.leaf) {
    TRY_ASSIGN(product, complete_vcek(*report, products, certificates));
  }
  if (!product) return {};
  const SnpSigningKey key = report->key_info.signing_key();
  if (!certificates.ica) {
    TRY_ASSIGN(const auto entry, get(query_cert_chain(sources_.kds, key, *product)));
    if (entry) {
      TRY_ASSIGN(const auto chain, crypto::parse_pem_chain(as_text(entry->body)));
      certificates.ica = to_bytes(chain.front().der());
      if (!certificates.ark) certificates.ark = to_bytes(chain.back().der());
    }
  }
  if (!certificates.crl) {
    TRY_ASSIGN(const auto entry, get(query_snp_crl(sources_.kds, key, *product)));
    if (entry) certificates.crl = entry->body;
  }
  return {};
}

}  // namespace confide::collateral
