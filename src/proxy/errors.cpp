#include "proxy/errors.h"

#include "base/json.h"
#include "client/terminal.h"

namespace confide::proxy {
namespace {

// OpenAI's and Anthropic's names of what a status means.
std::string_view type_of(int status, Dialect dialect) {
  const bool openai = dialect == Dialect::openai;
  if (status == 403) return openai ? "invalid_request_error" : "permission_error";
  if (status == 404) return openai ? "invalid_request_error" : "not_found_error";
  if (status == 413 && !openai) return "request_too_large";
  if (status < 500) return "invalid_request_error";
  if (status == 503) return openai ? "service_unavailable" : "overloaded_error";
  return openai ? "verification_failed" : "api_error";
}

}  // namespace

Dialect dialect_of(std::string_view path) noexcept {
  constexpr std::string_view kMessages = "/v1/messages";
  if (!path.starts_with(kMessages)) return Dialect::openai;
  path.remove_prefix(kMessages.size());
  return path.empty() || path.front() == '/' ? Dialect::anthropic : Dialect::openai;
}

ProxyError to_proxy_error(const Error& error, const verify::Verdict& verdict) {
  const verify::Check* failed = verdict.first_failure();
  int status = error.code == Errc::unavailable ? 503 : 502;
  if (failed != nullptr && failed->id == "channel.request") status = 400;
  return {.status = status,
          .message = "confide: " + error.message,
          .code = failed != nullptr ? failed->id : "unavailable"};
}

net::HttpResponse error_response(const ProxyError& error, Dialect dialect) {
  // It may quote the service, whose bytes need not be UTF-8.
  const std::string message = client::printable(error.message);
  const std::string_view type = type_of(error.status, dialect);
  Json body;
  if (dialect == Dialect::anthropic) {
    const std::string named = message + " [" + error.code + "]";
    body = {{"type", "error"}, {"error", {{"type", type}, {"message", named}}}};
  } else {
    body["error"] = {
        {"message", message}, {"type", type}, {"param", nullptr}, {"code", error.code}};
  }
  net::HttpResponse response;
  response.status = error.status;
  response.headers.set("Content-Type", "application/json");
  response.headers.set(kCheckHeader, error.code);
  if (error.status == 502) response.headers.set("x-should-retry", "false");
  response.body = json::compact(body);
  return response;
}

}  // namespace confide::proxy
