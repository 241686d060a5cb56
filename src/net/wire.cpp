#include "net/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/beast/http/status.hpp>

#include "base/ascii.h"

namespace confide::net {
namespace {

// Framing is decided here and nowhere else.
constexpr std::array<std::string_view, 4> kFramingHeaders = {"connection", "content-length",
                                                             "keep-alive", "transfer-encoding"};

// RFC 9110, section 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [kMarks](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7F);
  });
}

bool is_target_part(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F && c != '#'; });
}

bool is_framing_header(std::string_view name) {
  return std::ranges::find(kFramingHeaders, to_lower(name)) != kFramingHeaders.end();
}

Status append_headers(std::string& to, const Headers& headers) {
  for (const auto& [name, value] : headers.all()) {
    if (!is_token(name)) return fail(Errc::malformed, "header name is no token");
    if (!is_field_value(value)) {
      return fail(Errc::malformed, fmt::format("value of header {} has control characters", name));
    }
    if (is_framing_header(name)) continue;
    to.append(name).append(": ").append(value).append("\r\n");
  }
  return {};
}

std::string_view reason(int status) {
  const auto text = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(status)));
  return {text.data(), text.size()};
}

}  // namespace

bool is_bodyless(int status) noexcept { return status < 200 || status == 204 || status == 304; }

Result<std::string> encode_head(const HttpResponse& head, const ResponseFraming& framing,
                                Time now) {
  if (head.status < 200 || head.status > 599) return fail(Errc::malformed, "response status");
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", head.status, reason(head.status));
  TRY(append_headers(out, head.headers));
  if (!head.headers.has("date")) out.append("Date: ").append(to_http_date(now)).append("\r\n");
  if (framing.body == BodyFraming::sized) {
    out += fmt::format("Content-Length: {}\r\n", framing.length);
  } else if (framing.body == BodyFraming::chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  }
  if (!framing.keep_alive) {
    out += "Connection: close\r\n";
  } else if (framing.http10) {
    out += "Connection: keep-alive\r\n";
  }
  return out += "\r\n";
}

void append_chunk(std::string& to, std::string_view bytes) {
  if (bytes.empty()) return;
  fmt::format_to(std::back_inserter(to), "{:x}\r\n", bytes.size());
  to.append(bytes).append("\r\n");
}

Result<std::string> encode_request(const HttpRequest& request, std::string_view base_path,
                                   std::string_view host) {
  if (!is_token(request.method)) return fail(Errc::malformed, "request method is no token");
  const std::string path = fmt::format("{}{}", base_path, request.path);
  if (!path.starts_with('/') || !is_target_part(path) || path.find('?') != std::string::npos) {
    return fail(Errc::malformed, "request path");
  }
  if (!is_target_part(request.query)) return fail(Errc::malformed, "request query");
  std::string out = fmt::format("{} {}{}{} HTTP/1.1\r\n", request.method, path,
                                request.query.empty() ? "" : "?", request.query);
  if (!request.headers.has("host")) out.append("Host: ").append(host).append("\r\n");
  TRY(append_headers(out, request.headers));
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    out += fmt::format("Content-Length: {}\r\n", request.body.size());
  }
  return out.append("\r\n").append(request.body);
}

}  // namespace confide::net
