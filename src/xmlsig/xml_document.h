// Private to xmlsig/: owning handles for libxml2 and xmlsec1, and documents that cannot do harm.
//
// xmlsec1 verifies with Debian's OpenSSL, crypto/ with AWS-LC: what goes from one to the other is
// DER.
#pragma once

#include <libxml/tree.h>
#include <xmlsec/xmldsig.h>
#include <xmlsec/xmlsec.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/secret.h"
#include "crypto/must.h"
#include "crypto/public_key.h"

namespace confide::xmlsig {

using crypto::must;

struct XmlDeleter {
  void operator()(xmlDoc* p) const noexcept { xmlFreeDoc(p); }
  void operator()(xmlChar* p) const noexcept { xmlFree(p); }
  void operator()(xmlSecDSigCtx* p) const noexcept { xmlSecDSigCtxDestroy(p); }
};
template <class T>
using XmlHandle = std::unique_ptr<T, XmlDeleter>;

inline const xmlChar* xml_text(const char* text) {
  return reinterpret_cast<const xmlChar*>(text);  // both are bytes of UTF-8
}
inline std::string_view from_xml_text(const xmlChar* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

// Makes both libraries ready, once in a process. They stay silent from then on.
void start_xml_libraries();

// Parses UTF-8 of at most 4 MiB and 64 levels that check_xml() lets pass; nothing is loaded from
// elsewhere. Fails with `limit` or `malformed`.
Result<XmlHandle<xmlDoc>> parse_xml(ByteView document);

// A signature context that verifies by `key`, or signs by a private key in PKCS#8, and uses no key
// from the document.
XmlHandle<xmlSecDSigCtx> verifying_context(const crypto::PublicKey& key);
XmlHandle<xmlSecDSigCtx> signing_context(const SecretBytes& pkcs8);

std::vector<xmlNode*> child_elements(const xmlNode* parent);

}  // namespace confide::xmlsig
