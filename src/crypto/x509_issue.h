// Making certificates and CRLs: for the server's own TLS key and for the simulator's root.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "crypto/x509.h"

namespace confide::crypto {

struct CertificateRequest {
  std::string common_name;
  std::string organization;
  P256Public subject_key{};
  Time not_before{};
  Time not_after{};
  bool is_ca = false;
  int path_length = -1;                // -1: unlimited; only for a CA
  bool tls_server = false;             // extended key usage serverAuth
  std::vector<std::string> dns_names;  // subjectAltName
  std::vector<std::string> ip_addresses;
  std::string crl_url;  // CRL distribution point, if not empty
  // Further extensions: dotted OID and DER value, not critical.
  std::vector<std::pair<std::string, Bytes>> extensions;
};

// Signed with ECDSA P-256 and SHA-256, random serial. Self-signed if `issuer` is null. Fails with
// `mismatch` if the key is not the issuer's, `malformed` on a field that cannot be encoded.
Result<Certificate> issue_certificate(const CertificateRequest& request, const P256Key& issuer_key,
                                      const Certificate* issuer);

// A CRL that lists `revoked` (serials taken from the certificates). Fails with `mismatch` as above.
Result<Crl> issue_crl(const Certificate& issuer, const P256Key& issuer_key, Time this_update,
                      Time next_update, std::span<const Certificate> revoked = {});

}  // namespace confide::crypto
