// Any bytes as a GPU's SPDM report, and what it says of itself: parsed or refused.
#include <algorithm>
#include <cstdlib>

#include "evidence/gpu_opaque.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace confide::evidence;
  const confide::ByteView bytes(data, size);
  const auto report = parse_spdm_report(bytes);
  if (!report) return 0;
  const auto& head = report->signed_bytes;
  if (head.size() + report->signature.size() + report->surplus != size ||
      !std::equal(head.begin(), head.end(), bytes.begin())) {
    std::abort();
  }
  for (const auto& measurement : report->measurements) {
    if (find_measurement(*report, measurement.index) != &measurement) std::abort();
  }
  const auto opaque = parse_gpu_opaque(*report);
  if (opaque) (void)rim_ids_of(*opaque, "HOPPER");
  for (const auto& field : report->opaque) {
    (void)opaque_field_name(field.type, GpuDeviceKind::gpu);
  }
  return 0;
}
