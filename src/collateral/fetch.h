// Completes collateral from a cache and from the vendors' services, or others that repeat them. It
// is only found here: verify/ judges it exactly as it judges what a folder holds.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "collateral/amd_kds.h"
#include "collateral/cache.h"
#include "collateral/folder.h"
#include "collateral/http.h"
#include "collateral/intel_pcs.h"
#include "collateral/nvidia.h"

namespace confide::collateral {

struct Sources {  // URLs
  std::string pcs = kIntelPcs;
  std::string kds = kAmdKds;
  std::string rim = kNvidiaRim;
  std::string ocsp = kNvidiaOcsp;
};

// Each complete() adds what the evidence needs and the material lacks, taking what the cache has
// and holds at `at` before asking a service. Evidence that cannot be parsed needs nothing: the
// verifier will say why. They fail with `unavailable` if a service cannot be reached or does not
// answer as it should, `not_found` if it does not have what is asked for, `policy` if its URL must
// not be asked, `unsupported` if no service gives it out; never for want of an entry in the cache
// alone.
class Fetcher {
 public:
  // `http` null: the cache alone is asked. `cache` null: nothing is kept. Both must outlive this.
  Fetcher(Sources sources, Http* http, const Cache* cache, Time at)
      : sources_(std::move(sources)), http_(http), cache_(cache), at_(at) {}

  // A TDX or SGX quote.
  Status complete(ByteView quote, evidence::TdxCollateral& collateral);
  // A SEV-SNP report.
  Status complete(ByteView report, evidence::SnpCertificates& certificates);
  // Manifests that match the devices' versions; OCSP answers if there are none at all yet.
  Status complete(std::span<const evidence::GpuEvidence> devices,
                  evidence::GpuReferences& references);

  // For people: what was asked where, and what could not be kept.
  const std::vector<std::string>& notes() const noexcept { return notes_; }

 private:
  // Nothing if there is no service to ask and the cache does not have it.
  Result<std::optional<Entry>> get(const Query& query);
  Result<std::optional<Entry>> ask(const Query& query);
  // The product whose certificate it is, if there is one.
  Result<std::optional<evidence::SnpProduct>> complete_vcek(
      const evidence::SnpReport& report, std::span<const evidence::SnpProduct> products,
      evidence::SnpCertificates& certificates);
  Status complete_rims(const evidence::GpuEvidence& device, evidence::GpuReferences& references);
  Status add_ocsp(const std::vector<crypto::Certificate>& chain, std::size_t first,
                  std::vector<Bytes>& asked, evidence::GpuReferences& references);

  Sources sources_;
  Http* http_;
  const Cache* cache_;
  Time at_;
  std::vector<std::string> notes_;
};

}  // namespace confide::collateral
