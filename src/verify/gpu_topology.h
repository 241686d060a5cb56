// What only several devices together can show. Private to verify/; rules G24 to G27 of
// docs/protocols/gpu.md.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "evidence/gpu_opaque.h"
#include "verify/gpu_chain.h"
#include "verify/gpu_policy.h"

namespace confide::verify {

// A device whose evidence could be read; what was found about it does not matter here.
struct SeenDevice {
  evidence::GpuOpaque opaque;
  CertificateChain chain;
};

// G25: no device stands for several.
Status check_distinct(std::span<const SeenDevice> devices);

// G27: GPUs and switches that name each other agree.
Status check_topology(std::span<const SeenDevice> devices, const GpuPolicy& policy);

}  // namespace confide::verify
