#include "api/errors.h"

namespace confide::api {
namespace {

constexpr std::string_view kMessages = "/v1/messages";

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

std::string_view anthropic_type(const ApiError& error) {
  if (error.type.starts_with("e2ee_") || error.type == "session_not_accepted") return error.type;
  switch (error.status) {
    case 401:
      return "authentication_error";
    case 402:
      return "billing_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 504:
      return "timeout_error";
    default:
      return error.status >= 500 ? "api_error" : "invalid_request_error";
  }
}

}  // namespace

Json error_json(const ApiError& error) {
  return {{"error",
           {{"message", error.message},
            {"type", error.type},
            {"code", text_or_null(error.code)},
            {"param", text_or_null(error.param)}}}};
}

std::string error_body(const ApiError& error) { return json::compact(error_json(error)); }

net::HttpResponse error_response(const ApiError& error) {
  return error_response(error, error_body(error));
}

net::HttpResponse error_response(const ApiError& error, std::string body) {
  net::HttpResponse response;
  response.status = error.status;
  response.headers.set("Content-Type", "application/json");
  if (error.status == 429 || error.status == 503) response.headers.set("Retry-After", "1");
  for (const auto& [name, value] : error.headers) response.headers.set(name, value);
  response.body = std::move(body);
  return response;
}

Json anthropic_error_json(const ApiError& error) {
  return {{"type", "error"},
          {"error", {{"type", anthropic_type(error)}, {"message", error.message}}}};
}

std::string anthropic_error_body(const ApiError& error) {
  return json::compact(anthropic_error_json(error));
}

net::HttpResponse error_response_at(std::string_view path, const ApiError& error) {
  const bool anthropic = path.starts_with(kMessages) &&
                         (path.size() == kMessages.size() || path[kMessages.size()] == '/');
  return error_response(error, anthropic ? anthropic_error_body(error) : error_body(error));
}

ApiError invalid_request(std::string message, std::string param) {
  return {.message = std::move(message), .code = "", .param = std::move(param)};
}

ApiError not_found(std::string message) {
  return {
      .status = 404, .type = "not_found", .message = std::move(message), .code = "", .param = ""};
}

ApiError internal_error() {
  return {.status = 500,
          .type = "internal_error",
          .message = "The service failed to answer this request.",
          .code = "",
          .param = ""};
}

ApiError overloaded(std::string message) {
  return {.status = 503,
          .type = "service_unavailable",
          .message = std::move(message),
          .code = "",
          .param = ""};
}

ApiError too_many(std::string message, std::string code) {
  return {.status = 429,
          .type = "rate_limit_error",
          .message = std::move(message),
          .code = std::move(code),
          .param = ""};
}

}  // namespace confide::api
