// Any bytes as a file with GPU evidence, NVIDIA's JSON or a bare report: read or refused.
#include <cstdlib>

#include "collateral/folder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace confide;
  const auto list = collateral::parse_gpu_content("evidence", to_bytes({data, size}), "");
  if (list && list->devices.size() > evidence::kMaxGpuDevices) std::abort();
  return 0;
}
