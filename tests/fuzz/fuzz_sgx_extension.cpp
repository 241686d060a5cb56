// Any bytes as the SGX extension of a PCK certificate: parsed or refused. What was parsed survives
// being written.
#include <cstdlib>

#include "crypto/sgx_extension.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace confide::crypto;
  const auto extension = parse_sgx_extension({data, size});
  if (!extension) return 0;
  const auto written = encode_sgx_extension(*extension);
  const auto again = parse_sgx_extension(written);
  if (!again || encode_sgx_extension(*again) != written) std::abort();
  return 0;
}
