// Comparing a report's measurements with reference values. Private to verify/; rules G16 to G19 of
// docs/protocols/gpu.md.
#pragma once

#include <span>
#include <vector>

#include "evidence/gpu_opaque.h"
#include "evidence/rim.h"
#include "evidence/spdm.h"

namespace confide::verify {

// RIM indexes, ascending.
struct MeasurementComparison {
  std::vector<unsigned> matched;
  std::vector<unsigned> mismatched;  // another value, or no such measurement
  std::vector<unsigned> skipped;     // G19
  std::vector<unsigned> conflict;    // active in both manifests
};

MeasurementComparison compare_measurements(const evidence::SpdmReport& report,
                                           const evidence::GpuOpaque& opaque,
                                           std::span<const evidence::Rim* const> rims);

// G16 to G18 over what came of it; `rims` as above.
Status accept_measurements(const MeasurementComparison& comparison,
                           std::span<const evidence::Rim* const> rims);

}  // namespace confide::verify
