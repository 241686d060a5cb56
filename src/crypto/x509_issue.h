// Making certificates and CRLs: for the server's own TLS key and for the simulator's root.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "crypto/signing_key.h"
#include "crypto/x509.h"

namespace confide::crypto {

struct CertificateRequest {
  std::string common_name;
  std::string organization;
  std::variant<P256Public, PublicKey> subject_key;
  Time not_before{};
  Time not_after{};
  bool is_ca = false;
  int path_length = -1;         // -1: unlimited; only for a CA
  bool tls_server = false;      // extended key usage serverAuth
  bool ocsp_signing = false;    // extended key usage OCSPSigning
  bool key_identifiers = true;  // AMD's leaves have neither their own nor their issuer's
  bool key_usage = true;
  std::vector<std::string> dns_names;  // subjectAltName
  std::vector<std::string> ip_addresses;
  std::string crl_url;  // CRL distribution point, if not empty
  // Further extensions: dotted OID and DER value, not critical.
  std::vector<std::pair<std::string, Bytes>> extensions;
};

// Signed with SHA-256 by a P-256 key, with SHA-384 by a P-384 key and, as RSASSA-PSS, by an RSA
// key; random serial. Self-signed if `issuer` is null. Fails with `mismatch` if the key is not the
// issuer's, `malformed` on a field that cannot be encoded.
Result<Certificate> issue_certificate(const CertificateRequest& request,
                                      const SigningKey& issuer_key, const Certificate* issuer);

// A CRL that lists `revoked` (serials taken from the certificates). Fails with `mismatch` as above.
Result<Crl> issue_crl(const Certificate& issuer, const SigningKey& issuer_key, Time this_update,
                      Time next_update, std::span<const Certificate> revoked = {});

}  // namespace confide::crypto
