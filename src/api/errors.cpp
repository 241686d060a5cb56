#include "api/errors.h"

namespace confide::api {
namespace {

// The path itself, or something under it.
bool is_at(std::string_view path, std::string_view base) {
  return path.starts_with(base) && (path.size() == base.size() || path[base.size()] == '/');
}

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

Dialect dialect_of(std::string_view path, bool names_version) {
  const bool anthropic =
      is_at(path, "/v1/messages") || (names_version && is_at(path, "/v1/models"));
  return anthropic ? Dialect::anthropic : Dialect::openai;
}

Json error_json(const ApiError& error) {
  return {{"error",
           {{"message", error.message},
            {"type", error.type},
            {"code", text_or_null(error.code)},
            {"param", text_or_null(error.param)}}}};
}

Json anthropic_error_json(const ApiError& error, const std::string& request_id) {
  Json out = {{"type", "error"},
              {"error", {{"type", anthropic_type(error)}, {"message", error.message}}}};
  if (!request_id.empty()) out["request_id"] = request_id;
  return out;
}

net::HttpResponse error_response(const ApiError& error, const ErrorForm& form) {
  net::HttpResponse response;
  response.status = error.status;
  response.headers.set("Content-Type", "application/json");
  if (error.status == 429 || error.status == 503) response.headers.set("Retry-After", "1");
  for (const auto& [name, value] : error.headers) response.headers.set(name, value);
  response.body = json::compact(form.dialect == Dialect::anthropic
                                    ? anthropic_error_json(error, form.request_id)
                                    : error_json(error));
  return response;
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
