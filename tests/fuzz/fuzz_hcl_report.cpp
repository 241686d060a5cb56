// Any bytes as Azure's attestation report: read or refused, and all of it lies in what was given.
#include <algorithm>
#include <cstdlib>

#include "verify/binding.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const confide::ByteView bytes(data, size);
  const auto report = confide::evidence::parse_hcl_report(bytes);
  if (!report) return 0;
  for (const auto& part : {report->hardware_report, report->runtime_data}) {
    if (!part.empty() && std::ranges::search(bytes, part).empty()) std::abort();
  }
  (void)confide::verify::hcl_report_data(*report);
  return 0;
}
