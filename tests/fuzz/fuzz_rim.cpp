// Any text as a reference integrity manifest: read or refused, and every measurement is found
// again.
#include <cstdlib>

#include "evidence/rim.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace confide::evidence;
  const auto rim = parse_rim(confide::as_text({data, size}));
  if (!rim) return 0;
  for (const auto& measurement : rim->measurements) {
    if (find_measurement(*rim, measurement.index) != &measurement) std::abort();
    for (const auto& value : measurement.values) {
      if (value.size() != measurement.size) std::abort();
    }
  }
  return 0;
}
