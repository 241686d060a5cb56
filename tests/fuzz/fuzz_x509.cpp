// Any bytes as a certificate or a chain of them, in DER or PEM: read or refused. What was read is
// read the same from what it gives back.
#include <cstdlib>

#include "crypto/sgx_extension.h"
#include "crypto/x509.h"

namespace {

void look_at(const confide::crypto::Certificate& certificate) {
  (void)certificate.subject();
  (void)certificate.issuer();
  (void)certificate.common_name();
  (void)certificate.not_before();
  (void)certificate.not_after();
  (void)certificate.serial();
  (void)certificate.is_ca();
  (void)certificate.public_key();
  (void)certificate.p256_public();
  (void)certificate.extension(confide::crypto::kSgxExtensionOid);
  const auto again = confide::crypto::Certificate::from_der(certificate.der());
  if (!again || *again != certificate) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using confide::crypto::Certificate;
  const confide::ByteView bytes(data, size);
  if (const auto one = Certificate::from_any(bytes)) look_at(*one);
  const auto chain = confide::crypto::parse_pem_chain(confide::as_text(bytes));
  if (!chain) return 0;
  for (const Certificate& certificate : *chain) look_at(certificate);
  return 0;
}
