// Enveloped XML signatures (W3C XML Signature 1.1), in the one shape that reference integrity
// manifests have.
#pragma once

#include <vector>

#include "crypto/x509.h"

namespace confide::xmlsig {

// Checks that `document` is signed as a whole by the first of the certificates it carries, and
// returns these in order; to trust them is the caller's business. The shape is fixed: one
// ds:Signature, a child of the root element; one ds:Reference, to the whole document (URI ""),
// whose transforms are the enveloped signature and then a canonicalization; all else under the
// signature. Thus nothing in the document is left unsigned but the ds:Signature element itself,
// which a reader must pass over.
//
// Fails with `limit` beyond 4 MiB or 64 levels, `malformed` if it is not XML, not UTF-8, or has a
// document type; `unsupported` for another shape or algorithm (ECDSA and RSA with SHA-256, SHA-384
// or SHA-512 are known), `bad_signature` if digest or signature are not right.
Result<std::vector<crypto::Certificate>> verify_enveloped_xml_signature(ByteView document);

}  // namespace confide::xmlsig
