// Appraises NVIDIA GPUs and NVSwitches: SPDM reports, device certificates, reference values (RIM),
// revocation. Pure: no socket, no clock, no vendor service. Rules are numbered in
// docs/protocols/gpu.md.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "evidence/gpu_evidence.h"
#include "evidence/gpu_opaque.h"
#include "verify/policy.h"
#include "verify/verdict.h"

namespace confide::verify {

// A device all of whose checks passed.
struct VerifiedGpu {
  evidence::GpuDeviceKind kind = evidence::GpuDeviceKind::gpu;
  std::string architecture;  // HOPPER, BLACKWELL, LS10
  std::string ueid;          // serial number of the device certificate, decimal
  std::string driver_version;
  std::string vbios_version;
  std::optional<evidence::GpuMode> mode;  // none: the report does not say
  bool matches_references = false;        // measurements compared with NVIDIA's reference values
};

// Proof that what the policy demands of GPUs holds; only verify_gpus() makes one.
class VerifiedGpus {
 public:
  const std::vector<VerifiedGpu>& devices() const noexcept { return devices_; }
  std::size_t gpu_count() const noexcept;
  bool simulated() const noexcept { return simulated_; }

 private:
  friend Result<VerifiedGpus> verify_gpus(std::span<const evidence::GpuEvidence>,
                                          const evidence::GpuReferences*, ByteView, const Policy&,
                                          Time, Verdict&);
  std::vector<VerifiedGpu> devices_;
  bool simulated_ = false;
};

// Records every check (ids gpu.* and rim.*, once a device and then for all of them) and the claims
// in `verdict`; returns the proof only if all that `policy.gpu` demands passed. `nonce` is the
// verifier's own: 32 bytes. Null references fail the checks that need them. The error repeats the
// first check that failed.
//
// Claims: `gpus` is none, some or all (of those given that passed); `devices` lists each device's
// parsed fields, findings and measurements; a single device's stand at the top too.
Result<VerifiedGpus> verify_gpus(std::span<const evidence::GpuEvidence> devices,
                                 const evidence::GpuReferences* references, ByteView nonce,
                                 const Policy& policy, Time at, Verdict& verdict);

}  // namespace confide::verify
