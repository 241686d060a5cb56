#include "collateral/signed_json.h"

#include <fmt/format.h>

#include "base/json.h"

namespace confide::collateral {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// The position behind the string that begins at `at`.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

// The text of the object or array that begins at `at`.
std::string_view container_at(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  std::size_t end = at;
  while (end < text.size()) {
    const char c = text[end];
    if (c == '"') {
      end = end_of_string(text, end);
      continue;
    }
    ++end;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) break;
  }
  return text.substr(at, end - at);
}

// The exact text of a member's value, which is known to be an object. `text` is known to be valid
// JSON without duplicate names, so the name at depth 1, followed by a colon, is the member.
std::string_view member_text(std::string_view text, std::string_view name) {
  const std::string quoted = fmt::format("\"{}\"", name);
  std::size_t depth = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c != '"') {
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++at;
      continue;
    }
    const std::size_t end = end_of_string(text, at);
    const bool named = depth == 1 && text.substr(at, end - at) == quoted;
    at = end;
    while (at < text.size() && is_space(text[at])) ++at;
    if (!named || at >= text.size() || text[at] != ':') continue;
    ++at;
    while (at < text.size() && is_space(text[at])) ++at;
    return container_at(text, at);
  }
  return {};
}

}  // namespace

Result<SignedJson> parse_signed_json(std::string_view text, std::string_view member) {
  TRY_ASSIGN(const Json document, json::parse(text));
  TRY(json::get_object(document, member));
  TRY_ASSIGN(const std::string signature, json::get_string(document, "signature"));
  SignedJson out;
  auto bytes = from_hex_array<64>(signature, HexCase::any);
  if (!bytes) return fail(Errc::malformed, "member 'signature': " + bytes.error().message);
  out.signature = *bytes;
  out.text = member_text(text, member);
  if (out.text.empty()) return fail(Errc::malformed, "a member's name is written with escapes");
  return out;
}

}  // namespace confide::collateral
