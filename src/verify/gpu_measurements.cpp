#include "verify/gpu_measurements.h"

#include <algorithm>
#include <map>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace confide::verify {
namespace {

using evidence::Rim;
using evidence::RimMeasurement;

constexpr unsigned kNvdec0Index = 35;

bool matches(const evidence::SpdmReport& report, const RimMeasurement& reference) {
  // SPDM counts from one.
  const auto* measured = evidence::find_measurement(report, reference.index + 1);
  return measured != nullptr && !measured->raw &&
         std::ranges::find(reference.values, measured->value) != reference.values.end();
}

bool has_active(const Rim& rim) {
  return std::ranges::any_of(rim.measurements, &RimMeasurement::active);
}

}  // namespace

MeasurementComparison compare_measurements(const evidence::SpdmReport& report,
                                           const evidence::GpuOpaque& opaque,
                                           std::span<const Rim* const> rims) {
  MeasurementComparison out;
  std::map<unsigned, const RimMeasurement*> references;
  for (const Rim* rim : rims) {
    for (const RimMeasurement& reference : rim->measurements) {
      if (!reference.active) continue;
      const bool added = references.emplace(reference.index, &reference).second;
      if (!added) out.conflict.push_back(reference.index);
    }
  }
  std::ranges::sort(out.conflict);
  for (const auto& [index, reference] : references) {
    // What the firmware of a video decoder that is switched off would measure means nothing.
    if (index == kNvdec0Index && opaque.nvdec0 == evidence::GpuStatus::disabled) {
      out.skipped.push_back(index);
    } else if (matches(report, *reference)) {
      out.matched.push_back(index);
    } else {
      out.mismatched.push_back(index);
    }
  }
  return out;
}

Status accept_measurements(const MeasurementComparison& comparison,
                           std::span<const Rim* const> rims) {
  for (const Rim* rim : rims) {
    if (!has_active(*rim)) {
      return fail(Errc::mismatch, fmt::format("G16: {} asks for nothing", rim->version));
    }
  }
  if (!comparison.conflict.empty()) {
    return fail(Errc::mismatch, fmt::format("G17: both manifests claim index {}",
                                            fmt::join(comparison.conflict, ", ")));
  }
  if (!comparison.mismatched.empty()) {
    return fail(Errc::mismatch, fmt::format("G18: not the reference value at index {}",
                                            fmt::join(comparison.mismatched, ", ")));
  }
  return {};
}

}  // namespace confide::verify
