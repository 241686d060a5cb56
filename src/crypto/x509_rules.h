// Private to crypto/: what RFC 5280 demands of the certificates of a path beyond what AWS-LC's path
// validation looks at.
#pragma once

#include <span>

#include "crypto/aws_lc.h"
#include "crypto/x509.h"

namespace confide::crypto {

// Checks a path whose signatures, names, dates and critical extensions are right, leaf first and
// root last: strength of keys and signatures, CA flags, path lengths (of the root and of CAs that
// issued themselves too), key usage, key identifiers, names. A path of one certificate, which is
// its own root, must only be strong. Fails with `untrusted`.
Status check_path_rules(std::span<X509* const> path, const ChainRules& rules);

// Whether the CRL says that it lists changes to another one only.
bool is_delta(const X509_CRL& crl);

// Whether the CRL limits itself to some certificates of its issuer, RFC 5280 section 5.2.5.
bool is_partial(const X509_CRL& crl);

}  // namespace confide::crypto
