// One device's evidence, judged. Private to verify/.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "evidence/gpu_evidence.h"
#include "verify/gpu.h"
#include "verify/gpu_references.h"
#include "verify/gpu_topology.h"

namespace confide::verify {

// What all devices are judged by.
struct GpuContext {
  ByteView nonce;
  RimShelf driver_rims;
  RimShelf vbios_rims;
  std::span<const Bytes> ocsp;
  bool has_references = false;  // any manifest was given
  const Policy& policy;
  Time at;
};

struct JudgedDevice {
  Verdict verdict;  // every check of this device, and its claims
  std::optional<Error> first_failure;
  std::optional<SeenDevice> seen;       // if report and chain could be read
  std::optional<VerifiedGpu> verified;  // if nothing failed
  std::vector<std::string> rim_ids;
  std::vector<std::string> ocsp_findings;
};

JudgedDevice judge_device(const evidence::GpuEvidence& given, GpuContext& context);

}  // namespace confide::verify
