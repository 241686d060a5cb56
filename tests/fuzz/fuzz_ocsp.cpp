// Any bytes as an OCSP response: refused, since nobody signed it.
#include <cstdlib>

#include "crypto/ocsp.h"
#include "crypto/x509_testing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace confide;
  static const crypto::TestPki pki;
  if (crypto::verify_ocsp({data, size}, pki.intermediate, pki.root, crypto::kTestNow)) std::abort();
  return 0;
}
