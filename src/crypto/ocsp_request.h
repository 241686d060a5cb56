// Asking an OCSP responder about one certificate. RFC 6960, section 4.1.
#pragma once

#include "base/bytes.h"
#include "crypto/x509.h"

namespace confide::crypto {

// DER of an OCSPRequest about `subject`, which `issuer` issued: one certificate id by SHA-384, no
// nonce (so that answers may be kept as long as they say), unsigned. Fails with `internal`.
Result<Bytes> make_ocsp_request(const Certificate& subject, const Certificate& issuer);

}  // namespace confide::crypto
