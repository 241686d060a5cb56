// Any bytes as AMD's certificate of a chip, for the extensions it carries: read or refused.
#include <cstdlib>

#include "crypto/amd_extension.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace confide::crypto;
  const auto certificate = Certificate::from_der({data, size});
  if (!certificate) return 0;
  const auto extension = read_amd_extension(*certificate);
  if (extension) (void)encode_amd_extension(*extension);
  return 0;
}
