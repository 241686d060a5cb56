#include "evidence/rim.h"

#include <libxml/parser.h>
#include <libxml/tree.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/base64.h"
#include "base/xml.h"

namespace confide::evidence {
namespace {

constexpr const char* kSwidNamespace = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd";
constexpr const char* kHashNamespace = "http://www.w3.org/2001/04/xmlenc#sha384";
constexpr const char* kSignatureNamespace = "http://www.w3.org/2000/09/xmldsig#";
constexpr unsigned kMaxIndex = 253;  // SPDM blocks are 1 to 254
constexpr unsigned kMaxAlternatives = 64;
constexpr unsigned kMaxSize = 64;  // SHA-512
constexpr std::size_t kMaxCertificates = 8;

struct FreeXml {
  void operator()(xmlDoc* p) const noexcept { xmlFreeDoc(p); }
  void operator()(xmlChar* p) const noexcept { xmlFree(p); }
};
template <class T>
using Xml = std::unique_ptr<T, FreeXml>;

tl::unexpected<Error> bad(std::string_view why) {
  return fail(Errc::malformed, fmt::format("G12: {}", why));
}

const xmlChar* xml_text(const char* text) { return reinterpret_cast<const xmlChar*>(text); }
std::string_view view_of(const xmlChar* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

Result<Xml<xmlDoc>> parse_document(std::string_view xml) {
  if (xml.size() > kMaxRimBytes) return fail(Errc::limit, "G12: RIM too large");
  if (const Status fine = check_xml(xml); !fine) {
    return fail(fine.error().code, "G12: " + fine.error().message);
  }
  constexpr int kOptions = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING;
  // UTF-8 whatever the document says: bytes must not be read otherwise than those who check the
  // signature read them.
  Xml<xmlDoc> out(
      xmlReadMemory(xml.data(), static_cast<int>(xml.size()), nullptr, "UTF-8", kOptions));
  if (out == nullptr) return bad("not XML that is read here");
  return out;
}

bool is_element(const xmlNode* node, const char* ns, std::string_view name) {
  // Of all kinds of nodes below an element, only elements have a namespace.
  return node->ns != nullptr && view_of(node->ns->href) == ns && view_of(node->name) == name;
}

std::vector<const xmlNode*> children(const xmlNode* parent, const char* ns, std::string_view name) {
  std::vector<const xmlNode*> out;
  for (const xmlNode* node = parent->children; node != nullptr; node = node->next) {
    if (is_element(node, ns, name)) out.push_back(node);
  }
  return out;
}

Result<const xmlNode*> only_child(const xmlNode* parent, const char* ns, std::string_view name) {
  const auto found = children(parent, ns, name);
  if (found.size() != 1) return bad(fmt::format("{} elements {}", found.size(), name));
  return found.front();
}

Result<std::string> attribute(const xmlNode* node, const std::string& name,
                              const char* ns = nullptr) {
  const Xml<xmlChar> value(ns == nullptr
                               ? xmlGetNoNsProp(node, xml_text(name.c_str()))
                               : xmlGetNsProp(node, xml_text(name.c_str()), xml_text(ns)));
  if (value == nullptr) return bad(fmt::format("no attribute {}", name));
  return std::string(view_of(value.get()));
}

// Identifiers end up in claims and in the names of files that are asked for.
Result<std::string> identifier(const xmlNode* node, const std::string& name) {
  TRY_ASSIGN(std::string out, attribute(node, name));
  const auto is_safe = [](char c) { return c > ' ' && c < '\x7F'; };
  if (out.empty() || !std::ranges::all_of(out, is_safe)) return bad(name + " is no identifier");
  return out;
}

Result<unsigned> number(const xmlNode* node, const std::string& name, unsigned max) {
  TRY_ASSIGN(const std::string text, attribute(node, name));
  unsigned out = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, out);
  if (read.ec != std::errc() || read.ptr != end || out > max) {
    return bad(name + " is no number in range");
  }
  return out;
}

Result<bool> flag(const xmlNode* node, const std::string& name) {
  TRY_ASSIGN(const std::string text, attribute(node, name));
  if (text == "True" || text == "true") return true;
  if (text == "False" || text == "false") return false;
  return bad(name + " is neither true nor false");
}

Result<RimMeasurement> parse_resource(const xmlNode* node) {
  TRY_ASSIGN(const std::string type, attribute(node, "type"));
  if (type != "Measurement") return bad("a resource that is no measurement");
  RimMeasurement out;
  TRY_ASSIGN(out.index, number(node, "index", kMaxIndex));
  TRY_ASSIGN(out.active, flag(node, "active"));
  TRY_ASSIGN(out.size, number(node, "size", kMaxSize));
  TRY_ASSIGN(const unsigned alternatives, number(node, "alternatives", kMaxAlternatives));
  // What stands beyond the stated number is not a value.
  for (unsigned i = 0; i < alternatives; ++i) {
    TRY_ASSIGN(const std::string hex, attribute(node, fmt::format("Hash{}", i), kHashNamespace));
    TRY_ASSIGN(Bytes value, from_hex(hex, HexCase::any));
    if (value.size() != out.size) return bad("a value of another size than stated");
    out.values.push_back(std::move(value));
  }
  return out;
}

Status parse_payload(const xmlNode* payload, Rim& out) {
  for (const xmlNode* node : children(payload, kSwidNamespace, "Resource")) {
    TRY_ASSIGN(RimMeasurement measurement, parse_resource(node));
    if (find_measurement(out, measurement.index) != nullptr) {
      return bad(fmt::format("index {} twice", measurement.index));
    }
    out.measurements.push_back(std::move(measurement));
  }
  return {};
}

// Everything below `from` that the path of xmldsig elements leads to.
std::vector<const xmlNode*> follow(const xmlNode* from, std::span<const std::string_view> path) {
  if (path.empty()) return {from};
  std::vector<const xmlNode*> out;
  for (const xmlNode* child : children(from, kSignatureNamespace, path.front())) {
    std::ranges::copy(follow(child, path.subspan(1)), std::back_inserter(out));
  }
  return out;
}

Status parse_certificates(const xmlNode* root, Rim& out) {
  constexpr std::array<std::string_view, 4> kPath{"Signature", "KeyInfo", "X509Data",
                                                  "X509Certificate"};
  for (const xmlNode* node : follow(root, kPath)) {
    if (out.certificates.size() == kMaxCertificates) return bad("too many certificates");
    const Xml<xmlChar> content(xmlNodeGetContent(node));
    std::string text(view_of(content.get()));
    // XML has made line feeds of all line ends.
    std::erase_if(text, [](char c) { return c == '\n' || c == ' ' || c == '\t'; });
    TRY_ASSIGN(Bytes der, from_base64(text));
    out.certificates.push_back(std::move(der));
  }
  return {};
}

// A switch's BIOS versions begin with 96.10, a GPU's with another pair; a driver's have no such
// form.
RimKind kind_of(const Rim& rim) {
  if (rim.edition == "SWITCH" || rim.version.starts_with("96.10.")) return RimKind::nvswitch;
  const bool is_bios = std::ranges::count(rim.version, '.') == 4;
  return is_bios ? RimKind::vbios : RimKind::driver;
}

}  // namespace

std::string_view to_string(RimKind kind) noexcept {
  constexpr std::array<std::string_view, 3> kTexts{"driver", "vbios", "switch"};
  return kTexts.at(static_cast<std::size_t>(kind));
}

Result<Rim> parse_rim(std::string_view xml) {
  TRY_ASSIGN(const Xml<xmlDoc> document, parse_document(xml));
  const xmlNode* root = xmlDocGetRootElement(document.get());
  if (root == nullptr || !is_element(root, kSwidNamespace, "SoftwareIdentity")) {
    return bad("no SoftwareIdentity");
  }
  Rim out;
  TRY_ASSIGN(const xmlNode* const meta, only_child(root, kSwidNamespace, "Meta"));
  TRY_ASSIGN(out.product, identifier(meta, "product"));
  TRY_ASSIGN(out.edition, identifier(meta, "edition"));
  TRY_ASSIGN(out.version, identifier(meta, "colloquialVersion"));
  out.kind = kind_of(out);
  TRY_ASSIGN(const xmlNode* const payload, only_child(root, kSwidNamespace, "Payload"));
  TRY(parse_payload(payload, out));
  TRY(parse_certificates(root, out));
  return out;
}

const RimMeasurement* find_measurement(const Rim& rim, unsigned index) noexcept {
  const auto at = std::ranges::find(rim.measurements, index, &RimMeasurement::index);
  return at == rim.measurements.end() ? nullptr : &*at;
}

}  // namespace confide::evidence
