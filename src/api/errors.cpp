#include "api/errors.h"

#include "base/json.h"

namespace confide::api {
namespace {

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

}  // namespace

std::string error_body(const ApiError& error) {
  const Json body = {{"error",
                      {{"message", error.message},
                       {"type", error.type},
                       {"code", text_or_null(error.code)},
                       {"param", text_or_null(error.param)}}}};
  return json::compact(body);
}

net::HttpResponse error_response(const ApiError& error) {
  net::HttpResponse response;
  response.status = error.status;
  response.headers.set("Content-Type", "application/json");
  if (error.status == 429 || error.status == 503) response.headers.set("Retry-After", "1");
  response.body = error_body(error);
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

}  // namespace confide::api
