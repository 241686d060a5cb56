// Any bytes as a revocation list, in DER, PEM or hex: read or refused.
#include <cstdlib>

#include "crypto/x509.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using confide::crypto::Crl;
  const auto crl = Crl::from_any({data, size});
  if (!crl) return 0;
  (void)crl->issuer();
  (void)crl->this_update();
  (void)crl->next_update();
  if (!Crl::from_der(crl->der())) std::abort();
  return 0;
}
