// Private to crypto/: the OpenSSL library context that certificates are read in.
#pragma once

#include <openssl/types.h>

namespace confide::crypto {

// Everything the default provider can do, but of its decoders and kinds of keys only those that
// PublicKey knows. Reading a certificate, OpenSSL 3.0 looks through all there are: with the hundred
// of the default provider that takes longer than checking a signature.
OSSL_LIB_CTX* x509_context();

}  // namespace confide::crypto
