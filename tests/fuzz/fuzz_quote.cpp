// Any bytes as an SGX or TDX quote: parsed or refused. What was parsed is written back byte for
// byte.
#include <algorithm>
#include <cstdlib>

#include "evidence/testing/quote_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const confide::ByteView bytes(data, size);
  const auto quote = confide::evidence::parse_dcap_quote(bytes);
  if (!quote) return 0;
  if ((quote->td() == nullptr) == (quote->enclave() == nullptr)) std::abort();
  const auto written = confide::evidence::testing::write_quote(*quote);
  if (written.size() + quote->trailing_zeros != size ||
      !std::equal(written.begin(), written.end(), bytes.begin())) {
    std::abort();
  }
  return 0;
}
