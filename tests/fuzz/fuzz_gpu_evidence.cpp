// Any text as NVIDIA's JSON evidence: read or refused.
#include <cstdlib>

#include "evidence/gpu_evidence.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = confide::json::parse(confide::as_text({data, size}));
  if (!json) return 0;
  const auto list = confide::evidence::parse_gpu_evidence(*json);
  if (list && list->devices.size() > confide::evidence::kMaxGpuDevices) std::abort();
  return 0;
}
