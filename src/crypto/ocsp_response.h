// Private to crypto/: an OCSP response taken apart, RFC 6960 section 4.2.1. Views point into the
// bytes that were read.
#pragma once

#include <vector>

#include "crypto/ocsp.h"

namespace confide::crypto {

// What it says of one certificate.
struct OcspSingle {
  // How the certificate is named.
  ByteView hash{};  // OID of the hash of the next two
  ByteView issuer_name_hash{};
  ByteView issuer_key_hash{};
  ByteView serial{};  // DER of an INTEGER

  OcspAnswer answer{};  // lacks `serial` and `produced_at`
  bool has_critical_extension = false;
};

struct OcspResponse {
  ByteView signed_bytes{};
  // Of the two, the other one is empty.
  ByteView responder_name{};      // DER
  ByteView responder_key_hash{};  // SHA-1
  Time produced_at{};
  std::vector<OcspSingle> answers;
  bool has_critical_extension = false;

  ByteView algorithm{};  // OID
  ByteView signature{};
  std::vector<ByteView> certificates;  // DER
};

// Fails with `malformed` (BER is, too), `unavailable` if the responder gave no answer, `limit`
// beyond 64 answers or 8 certificates.
Result<OcspResponse> parse_ocsp_response(ByteView der);

}  // namespace confide::crypto
