#include "base/xml.h"

#include <algorithm>
#include <string>

#include "base/ascii.h"

namespace confide {
namespace {

constexpr std::size_t kMaxAttributes = 256;
constexpr std::size_t kMaxNamespaces = 64;

// Whether the XML declaration, if there is one, names no encoding or UTF-8.
bool declares_utf8(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  // Any white space may follow, so none is looked for.
  if (!text.starts_with("<?xml")) return true;
  std::string declaration = to_lower(text.substr(0, text.find("?>")));
  std::ranges::replace(declaration, '\'', '"');
  return declaration.find("encoding") == std::string::npos ||
         declaration.find("\"utf-8\"") != std::string::npos;
}

// No attribute is without an equals sign, and no tag goes on beyond the next angle bracket.
bool is_flooded_with_attributes(std::string_view text) {
  std::size_t signs = 0;
  for (const char c : text) {
    if (c == '<') signs = 0;
    if (c == '=' && ++signs > kMaxAttributes) return true;
  }
  return false;
}

std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t out = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos;
       at = text.find(what, at + what.size())) {
    ++out;
  }
  return out;
}

}  // namespace

Status check_xml(std::string_view text) {
  // It may stand in a comment and mean nothing; no document of ours has a reason to say it.
  if (text.find("<!DOCTYPE") != std::string_view::npos) {
    return fail(Errc::malformed, "XML: a document type");
  }
  if (!declares_utf8(text)) return fail(Errc::malformed, "XML: not declared as UTF-8");
  if (is_flooded_with_attributes(text)) return fail(Errc::limit, "XML: too many attributes");
  if (count_of(text, "xmlns") > kMaxNamespaces) {
    return fail(Errc::limit, "XML: too many namespaces");
  }
  return {};
}

}  // namespace confide
