// Errors as OpenAI's clients expect them. Contract 1.1 and 1.6.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "base/result.h"
#include "net/http.h"

namespace confide::api {

// Messages are written for the caller and never repeat what the caller sent in its prompt.
struct ApiError {
  int status = 400;
  std::string type = "invalid_request_error";
  std::string message;
  std::string code;   // empty: null
  std::string param;  // empty: null
};

template <class T>
using ApiResult = tl::expected<T, ApiError>;

// {"error":{"message","type","code","param"}}: all four members, always.
std::string error_body(const ApiError& error);
net::HttpResponse error_response(const ApiError& error);

ApiError invalid_request(std::string message, std::string param = "");
ApiError not_found(std::string message);
// Our own fault; says nothing of why.
ApiError internal_error();
// The queue or a limit is full; the response carries Retry-After.
ApiError overloaded(std::string message);

}  // namespace confide::api
