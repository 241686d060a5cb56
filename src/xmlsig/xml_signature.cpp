#include "xmlsig/xml_signature.h"

#include <libxml/tree.h>
#include <openssl/err.h>
#include <xmlsec/xmldsig.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/base64.h"
#include "xmlsig/xml_document.h"

namespace confide::xmlsig {
namespace {

constexpr std::string_view kNamespace = "http://www.w3.org/2000/09/xmldsig#";
constexpr std::string_view kEnveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
constexpr std::array<std::string_view, 3> kCanonicalizations{
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "http://www.w3.org/2006/12/xml-c14n11",
    "http://www.w3.org/2001/10/xml-exc-c14n#"};
constexpr std::array<std::string_view, 3> kDigests{"http://www.w3.org/2001/04/xmlenc#sha256",
                                                   "http://www.w3.org/2001/04/xmldsig-more#sha384",
                                                   "http://www.w3.org/2001/04/xmlenc#sha512"};
constexpr std::array<std::string_view, 6> kSignatures{
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"};
constexpr std::size_t kMaxCertificates = 8;

[[nodiscard]] tl::unexpected<Error> other_shape(std::string_view why) {
  return fail(Errc::unsupported, fmt::format("XML signature: {}", why));
}

bool is_named(const xmlNode* node, std::string_view name) {
  return node->ns != nullptr && from_xml_text(node->ns->href) == kNamespace &&
         from_xml_text(node->name) == name;
}

void collect_signatures(xmlNode* node, std::vector<xmlNode*>& out) {
  if (is_named(node, "Signature")) out.push_back(node);
  for (xmlNode* child : child_elements(node)) collect_signatures(child, out);
}

// The child elements of `node` if they are exactly `names`, in this order.
Result<std::vector<xmlNode*>> children_named(const xmlNode* node,
                                             std::initializer_list<std::string_view> names) {
  auto out = child_elements(node);
  if (!std::ranges::equal(out, names, is_named)) {
    return other_shape(fmt::format("{} has other children", from_xml_text(node->name)));
  }
  return out;
}

std::optional<std::string> attribute(const xmlNode* node, const char* name) {
  const XmlHandle<xmlChar> value(xmlGetNoNsProp(node, xml_text(name)));
  if (value == nullptr) return std::nullopt;
  return std::string(from_xml_text(value.get()));
}

// An algorithm out of `known`, with no parameters: in them hide XPath expressions and short MACs.
Status expect_algorithm(const xmlNode* node, std::span<const std::string_view> known) {
  const auto name = attribute(node, "Algorithm");
  if (!name || std::ranges::find(known, *name) == known.end()) {
    return other_shape(fmt::format("{} with an algorithm not allowed", from_xml_text(node->name)));
  }
  TRY(children_named(node, {}));
  return {};
}

Status check_reference(const xmlNode* reference) {
  if (attribute(reference, "URI") != "") return other_shape("refers to less than the document");
  TRY_ASSIGN(const auto parts,
             children_named(reference, {"Transforms", "DigestMethod", "DigestValue"}));
  TRY_ASSIGN(const auto transforms, children_named(parts[0], {"Transform", "Transform"}));
  TRY(expect_algorithm(transforms[0], {&kEnveloped, 1}));
  TRY(expect_algorithm(transforms[1], kCanonicalizations));
  return expect_algorithm(parts[1], kDigests);
}

Status check_signed_info(const xmlNode* signed_info) {
  TRY_ASSIGN(const auto parts, children_named(signed_info, {"CanonicalizationMethod",
                                                            "SignatureMethod", "Reference"}));
  TRY(expect_algorithm(parts[0], kCanonicalizations));
  TRY(expect_algorithm(parts[1], kSignatures));
  return check_reference(parts[2]);
}

Result<std::vector<crypto::Certificate>> read_certificates(const xmlNode* key_info) {
  TRY_ASSIGN(const auto data, children_named(key_info, {"X509Data"}));
  const auto elements = child_elements(data[0]);
  if (elements.empty() || elements.size() > kMaxCertificates) {
    return other_shape("no certificate, or too many");
  }
  std::vector<crypto::Certificate> out;
  for (const xmlNode* element : elements) {
    if (!is_named(element, "X509Certificate")) return other_shape("something beside certificates");
    TRY(children_named(element, {}));
    const XmlHandle<xmlChar> content(xmlNodeGetContent(element));
    std::string base64(from_xml_text(content.get()));
    std::erase_if(base64, [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
    TRY_ASSIGN(const Bytes der, from_base64(base64));
    TRY_ASSIGN(auto certificate, crypto::Certificate::from_der(der));
    out.push_back(std::move(certificate));
  }
  return out;
}

// The one signature of the document, where it must stand.
Result<xmlNode*> find_signature(xmlDoc* document) {
  xmlNode* const root = xmlDocGetRootElement(document);
  std::vector<xmlNode*> found;
  collect_signatures(root, found);
  if (found.size() != 1) return other_shape(fmt::format("{} of them, not one", found.size()));
  if (found[0]->parent != root) return other_shape("not right below the root element");
  return found[0];
}

}  // namespace

Result<std::vector<crypto::Certificate>> verify_enveloped_xml_signature(ByteView document) {
  TRY_ASSIGN(const auto parsed, parse_xml(document));
  TRY_ASSIGN(xmlNode* const signature, find_signature(parsed.get()));
  TRY_ASSIGN(const auto parts,
             children_named(signature, {"SignedInfo", "SignatureValue", "KeyInfo"}));
  TRY(check_signed_info(parts[0]));
  TRY_ASSIGN(auto certificates, read_certificates(parts[2]));
  TRY_ASSIGN(const crypto::PublicKey key, certificates.front().public_key());

  const auto context = verifying_context(key);
  const int done = xmlSecDSigCtxVerify(context.get(), signature);
  ERR_clear_error();
  if (done != 0) return other_shape("the algorithm is not for the signer's key");
  if (context->status != xmlSecDSigStatusSucceeded) {
    return fail(Errc::bad_signature, "XML signature: digest or signature are not right");
  }
  return certificates;
}

}  // namespace confide::xmlsig
