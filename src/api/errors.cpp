#include "api/errors.h"

namespace confide::api {
namespace {

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

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
