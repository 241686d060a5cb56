// Errors as OpenAI's and Anthropic's clients expect them. Contract 1.1 and 1.6.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "base/json.h"
#include "base/result.h"
#include "net/http.h"

namespace confide::api {

// Messages are written for the caller and never repeat what the caller sent in its prompt.
struct ApiError {
  int status = 400;
  std::string type = "invalid_request_error";
  std::string message;
  std::string code;                                               // empty: null
  std::string param;                                              // empty: null
  std::vector<std::pair<std::string, std::string>> headers = {};  // of the response, besides
};

template <class T>
using ApiResult = tl::expected<T, ApiError>;

// {"error":{"message","type","code","param"}}: all four members, always.
Json error_json(const ApiError& error);
std::string error_body(const ApiError& error);
net::HttpResponse error_response(const ApiError& error);
// The same with a body of another form. Where trying again helps, it carries Retry-After.
net::HttpResponse error_response(const ApiError& error, std::string body);

// {"type":"error","error":{"type","message"}}: the type follows from the status, unless it is one
// of ACI's own.
Json anthropic_error_json(const ApiError& error);
std::string anthropic_error_body(const ApiError& error);
// In the shape that the clients of this path expect: Anthropic's at /v1/messages and what is under
// it, else OpenAI's.
net::HttpResponse error_response_at(std::string_view path, const ApiError& error);

ApiError invalid_request(std::string message, std::string param = "");
ApiError not_found(std::string message);
// Our own fault; says nothing of why.
ApiError internal_error();
// The service cannot take requests now, whoever asks: 503.
ApiError overloaded(std::string message);
// Too many requests, of this caller or of all: 429.
ApiError too_many(std::string message, std::string code);

}  // namespace confide::api
