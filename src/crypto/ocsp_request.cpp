#include "crypto/ocsp_request.h"

#include <openssl/ocsp.h>

#include "crypto/x509_impl.h"

namespace confide::crypto {
namespace {

struct RequestDeleter {
  void operator()(OCSP_REQUEST* p) const noexcept { OCSP_REQUEST_free(p); }
};

}  // namespace

Result<Bytes> make_ocsp_request(const Certificate& subject, const Certificate& issuer) {
  const std::unique_ptr<OCSP_REQUEST, RequestDeleter> request(OCSP_REQUEST_new());
  must(request != nullptr);
  OCSP_CERTID* const id =
      OCSP_cert_to_id(EVP_sha384(), subject.impl().x509.get(), issuer.impl().x509.get());
  if (id == nullptr) return aws_lc_fail(Errc::internal, "the certificate cannot be asked about");
  // From here on the request owns the id.
  must(OCSP_request_add0_id(request.get(), id) != nullptr);
  return to_der(request.get(), i2d_OCSP_REQUEST);
}

}  // namespace confide::crypto
