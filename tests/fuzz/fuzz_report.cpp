// Any text as an attestation report: read or refused.
#include <cstdlib>

#include "aci/report.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace confide;
  const auto report = aci::parse_report(as_text({data, size}));
  if (!report) return 0;
  if (!aci::is_digest(report->claimed_digest) || !aci::is_digest(report->keyset.digest)) {
    std::abort();
  }
  if (report->serving != "direct" && report->serving != "aggregator") std::abort();
  return 0;
}
