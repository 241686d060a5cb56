#include "seal/bhttp_rules.h"

#include <algorithm>
#include <array>

namespace confide::seal {
namespace {

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

// RFC 9110, section 5.6.2.
bool is_token_mark(char c) {
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_visible(char c) { return c > 0x20 && c < 0x7f; }

// A byte of a field value: anything but the control characters, tab excepted.
bool is_value_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// They speak of a connection, and an inner message has none (RFC 9113, section 8.2.2).
constexpr std::array<std::string_view, 5> kOfConnections{
    "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"};

}  // namespace

Status check_control(const InnerRequest& request) {
  const auto& [method, scheme, authority, path, fields, content, trailers] = request;
  const auto method_char = [](char c) {
    return is_upper(c) || is_lower_or_digit(c) || is_token_mark(c);
  };
  if (method.empty() || !std::ranges::all_of(method, method_char)) {
    return fail(Errc::malformed, "binary HTTP (O8): method");
  }
  if (scheme != "https" && scheme != "http") {
    return fail(Errc::malformed, "binary HTTP (O8): scheme");
  }
  if (!std::ranges::all_of(authority, is_visible)) {
    return fail(Errc::malformed, "binary HTTP (O8): authority");
  }
  if (!path.starts_with('/') || !std::ranges::all_of(path, is_visible) ||
      path.find('#') != std::string::npos) {
    return fail(Errc::malformed, "binary HTTP (O8): path");
  }
  return {};
}

Status check_field(const HttpField& field) {
  const auto name_char = [](char c) { return is_lower_or_digit(c) || is_token_mark(c); };
  if (field.name.empty() || !std::ranges::all_of(field.name, name_char)) {
    return fail(Errc::malformed, "binary HTTP (O11): field name");
  }
  if (std::ranges::find(kOfConnections, field.name) != kOfConnections.end()) {
    return fail(Errc::malformed, "binary HTTP (O11): field of a connection");
  }
  const std::string& value = field.value;
  if (!std::ranges::all_of(value, is_value_char) ||
      (!value.empty() && (is_blank(value.front()) || is_blank(value.back())))) {
    return fail(Errc::malformed, "binary HTTP (O11): field value");
  }
  return {};
}

Status check_content_length(const HttpFields& fields, std::uint64_t size) {
  for (const HttpField& field : fields) {
    if (field.name == "content-length" && field.value != std::to_string(size)) {
      return fail(Errc::malformed, "binary HTTP (O11): content-length is not the content's");
    }
  }
  return {};
}

}  // namespace confide::seal
