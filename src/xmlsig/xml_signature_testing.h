// For tests only: signs XML documents as verify_enveloped_xml_signature() wants them.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "crypto/signing_key.h"
#include "crypto/x509.h"

namespace confide::xmlsig {

// `document` with a ds:Signature as its root element's last child, made with `key` and listing
// `chain` leaf first: ECDSA with the hash of the key's size, or RSA with SHA-384; the same hash as
// digest; Canonical XML 1.1. The document must be one that parse_xml() takes, without a signature.
std::string sign_xml_for_test(std::string_view document, const crypto::SigningKey& key,
                              std::span<const crypto::Certificate> chain);

}  // namespace confide::xmlsig
