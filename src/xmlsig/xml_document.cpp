#include "xmlsig/xml_document.h"

#include <libxml/parser.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <xmlsec/errors.h>
#include <xmlsec/list.h>
#include <xmlsec/openssl/crypto.h>
#include <xmlsec/openssl/evp.h>
#include <xmlsec/transforms.h>
#include <xmlsec/xmlsec.h>

#include <mutex>

#include "base/xml.h"

namespace confide::xmlsig {
namespace {

constexpr std::size_t kMaxDocument = std::size_t{4} << 20U;
constexpr int kMaxDepth = 64;

bool is_deeper(const xmlNode* node, int levels) {
  if (levels == 0) return true;
  for (const xmlNode* child = node->children; child != nullptr; child = child->next) {
    if (child->type == XML_ELEMENT_NODE && is_deeper(child, levels - 1)) return true;
  }
  return false;
}

// Takes over `key`, which crypto/ has read before.
XmlHandle<xmlSecDSigCtx> context_with(EVP_PKEY* key) {
  must(key != nullptr);
  XmlHandle<xmlSecDSigCtx> out(xmlSecDSigCtxCreate(nullptr));
  must(out != nullptr);
  out->enabledReferenceUris = xmlSecTransformUriTypeEmpty;
  xmlSecKeyData* const value = xmlSecOpenSSLEvpKeyAdopt(key);
  out->signKey = xmlSecKeyCreate();
  must(value != nullptr && out->signKey != nullptr);
  must(xmlSecKeySetValue(out->signKey, value) == 0);
  return out;
}

}  // namespace

void start_xml_libraries() {
  static std::once_flag once;
  std::call_once(once, [] {
    xmlInitParser();
    // A program that embeds us may use the library too; starting it twice leaks its lists.
    if (!xmlSecPtrListIsValid(xmlSecTransformIdsGet())) must(xmlSecInit() == 0);
    must(xmlSecOpenSSLInit() == 0);
    xmlSecErrorsDefaultCallbackEnableOutput(0);
  });
}

Result<XmlHandle<xmlDoc>> parse_xml(ByteView document) {
  start_xml_libraries();
  if (document.size() > kMaxDocument) return fail(Errc::limit, "XML: document too large");
  const std::string_view text = as_text(document);
  TRY(check_xml(text));
  constexpr int kOptions = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING;
  XmlHandle<xmlDoc> out(
      xmlReadMemory(text.data(), static_cast<int>(text.size()), nullptr, "UTF-8", kOptions));
  if (out == nullptr || xmlDocGetRootElement(out.get()) == nullptr) {
    return fail(Errc::malformed, "XML: not a document");
  }
  if (is_deeper(xmlDocGetRootElement(out.get()), kMaxDepth)) {
    return fail(Errc::limit, "XML: nested too deep");
  }
  return out;
}

XmlHandle<xmlSecDSigCtx> verifying_context(const crypto::PublicKey& key) {
  const unsigned char* at = key.spki().data();
  return context_with(d2i_PUBKEY(nullptr, &at, static_cast<long>(key.spki().size())));
}

XmlHandle<xmlSecDSigCtx> signing_context(const SecretBytes& pkcs8) {
  const unsigned char* at = pkcs8.reveal().data();
  return context_with(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(pkcs8.size())));
}

std::vector<xmlNode*> child_elements(const xmlNode* parent) {
  std::vector<xmlNode*> out;
  for (xmlNode* child = parent->children; child != nullptr; child = child->next) {
    if (child->type == XML_ELEMENT_NODE) out.push_back(child);
  }
  return out;
}

}  // namespace confide::xmlsig
