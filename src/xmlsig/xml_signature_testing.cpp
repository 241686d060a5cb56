#include "xmlsig/xml_signature_testing.h"

#include <xmlsec/templates.h>
#include <xmlsec/transforms.h>

#include "base/base64.h"
#include "xmlsig/xml_document.h"

namespace confide::xmlsig {
namespace {

struct Algorithms {
  xmlSecTransformId signature{};
  xmlSecTransformId digest{};
};

xmlSecTransformId known(const char* uri) {
  const xmlSecTransformId out = xmlSecTransformIdListFindByHref(
      xmlSecTransformIdsGet(), xml_text(uri), xmlSecTransformUsageAny);
  must(out != xmlSecTransformIdUnknown);
  return out;
}

Algorithms algorithms_for(crypto::KeyKind kind) {
  constexpr const char* kSha384 = "http://www.w3.org/2001/04/xmldsig-more#sha384";
  switch (kind) {
    case crypto::KeyKind::p256:
      return {known("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"),
              known("http://www.w3.org/2001/04/xmlenc#sha256")};
    case crypto::KeyKind::p384:
      return {known("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"), known(kSha384)};
    case crypto::KeyKind::rsa:
      return {known("http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"), known(kSha384)};
  }
  std::abort();
}

xmlNode* add_template(xmlDoc* document, const Algorithms& algorithms) {
  const xmlSecTransformId c14n = known("http://www.w3.org/2006/12/xml-c14n11");
  xmlNode* const signature = xmlSecTmplSignatureCreateNsPref(document, c14n, algorithms.signature,
                                                             nullptr, xml_text("ds"));
  must(signature != nullptr);
  must(xmlAddChild(xmlDocGetRootElement(document), signature) != nullptr);
  xmlNode* const reference =
      xmlSecTmplSignatureAddReference(signature, algorithms.digest, nullptr, xml_text(""), nullptr);
  must(reference != nullptr);
  must(xmlSecTmplReferenceAddTransform(
           reference, known("http://www.w3.org/2000/09/xmldsig#enveloped-signature")) != nullptr);
  must(xmlSecTmplReferenceAddTransform(reference, c14n) != nullptr);
  return signature;
}

void add_certificates(xmlNode* signature, std::span<const crypto::Certificate> chain) {
  const auto child = [&](xmlNode* parent, const char* name, const char* content) {
    xmlNode* const out = xmlNewTextChild(parent, signature->ns, xml_text(name),
                                         content == nullptr ? nullptr : xml_text(content));
    must(out != nullptr);
    return out;
  };
  xmlNode* const data = child(child(signature, "KeyInfo", nullptr), "X509Data", nullptr);
  for (const crypto::Certificate& certificate : chain) {
    child(data, "X509Certificate", to_base64(certificate.der()).c_str());
  }
}

}  // namespace

std::string sign_xml_for_test(std::string_view document, const crypto::SigningKey& key,
                              std::span<const crypto::Certificate> chain) {
  const auto parsed = parse_xml(as_bytes(document));
  must(parsed.has_value());
  xmlNode* const signature = add_template(parsed->get(), algorithms_for(key.public_key().kind()));
  const auto context = signing_context(key.to_der());
  must(xmlSecDSigCtxSign(context.get(), signature) == 0);
  // What KeyInfo says is not signed.
  add_certificates(signature, chain);

  xmlChar* text = nullptr;
  int size = 0;
  xmlDocDumpMemoryEnc(parsed->get(), &text, &size, "UTF-8");
  const XmlHandle<xmlChar> owned(text);
  must(text != nullptr);
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
}

}  // namespace confide::xmlsig
