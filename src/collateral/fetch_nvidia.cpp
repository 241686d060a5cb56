#include <algorithm>
#include <utility>

#include "collateral/fetch.h"
#include "evidence/gpu_opaque.h"
#include "evidence/rim.h"
#include "evidence/spdm.h"

namespace confide::collateral {
namespace {

using evidence::GpuEvidence;
using evidence::GpuReferences;

bool has_version(const std::vector<std::string>& rims, std::string_view version) {
  return std::ranges::any_of(rims, [&](const std::string& xml) {
    const auto rim = evidence::parse_rim(xml);
    return rim && rim->version == version;
  });
}

std::vector<crypto::Certificate> certificates_of(const std::string& rim_xml) {
  std::vector<crypto::Certificate> out;
  const auto rim = evidence::parse_rim(rim_xml);
  if (!rim) return out;
  for (const Bytes& der : rim->certificates) {
    auto certificate = crypto::Certificate::from_der(der);
    if (!certificate) return {};
    out.push_back(*std::move(certificate));
  }
  return out;
}

}  // namespace

Status Fetcher::complete_rims(const GpuEvidence& device, GpuReferences& references) {
  const auto report = evidence::parse_spdm_report(device.report);
  if (!report) return {};
  const auto opaque = evidence::parse_gpu_opaque(*report);
  if (!opaque) return {};
  for (const std::string& id : evidence::rim_ids_of(*opaque, device.architecture)) {
    const bool driver = id.find("DRIVER") != std::string::npos;
    auto& rims = driver ? references.driver_rims : references.vbios_rims;
    if (has_version(rims, driver ? opaque->driver_version : opaque->vbios_version)) continue;
    TRY_ASSIGN(const Query query, query_rim(sources_.rim, id, at_));
    TRY_ASSIGN(const auto entry, get(query));
    if (entry) rims.emplace_back(as_text(entry->body));
  }
  return {};
}

Status Fetcher::add_ocsp(const std::vector<crypto::Certificate>& chain, std::size_t first,
                         std::vector<Bytes>& asked, GpuReferences& references) {
  for (std::size_t i = first; i + 1 < chain.size(); ++i) {
    TRY_ASSIGN(const Query query, query_ocsp(sources_.ocsp, chain[i], chain[i + 1], at_));
    // Chains meet: what is above a device's or a manifest's certificate is often the same.
    if (std::ranges::find(asked, query.request.body) != asked.end()) continue;
    asked.push_back(query.request.body);
    TRY_ASSIGN(const auto entry, get(query));
    if (entry) references.ocsp.push_back(entry->body);
  }
  return {};
}

Status Fetcher::complete(std::span<const GpuEvidence> devices, GpuReferences& references) {
  for (const GpuEvidence& device : devices) {
    TRY(complete_rims(device, references));
  }
  if (!references.ocsp.empty()) return {};
  std::vector<Bytes> asked;
  for (const GpuEvidence& device : devices) {
    const auto chain = crypto::parse_pem_chain(device.chain_pem);
    // The device made its own attestation certificate: no responder knows it.
    if (chain) TRY(add_ocsp(*chain, 1, asked, references));
  }
  for (const auto* rims : {&references.driver_rims, &references.vbios_rims}) {
    for (const std::string& xml : *rims) TRY(add_ocsp(certificates_of(xml), 0, asked, references));
  }
  return {};
}

}  // namespace confide::collateral
