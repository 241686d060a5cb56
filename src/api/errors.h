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

// Whose clients call: what errors and lists look like to them.
enum class Dialect { openai, anthropic };

// Names the version that Anthropic's clients speak.
inline constexpr std::string_view kAnthropicVersion = "anthropic-version";
// Anthropic's at /v1/messages and what is under it, and at /v1/models, which both have, if the
// request names Anthropic's version; else OpenAI's.
Dialect dialect_of(std::string_view path, bool names_version);

// {"error":{"message","type","code","param"}}: all four members, always.
Json error_json(const ApiError& error);
// {"type":"error","error":{"type","message"},"request_id"}: the type follows from the status,
// unless it is one of ACI's own. Without an id the last member is left out.
Json anthropic_error_json(const ApiError& error, const std::string& request_id);

// How one request's errors are written.
struct ErrorForm {
  Dialect dialect = Dialect::openai;
  std::string request_id = {};
};
// Where trying again helps, it carries Retry-After.
net::HttpResponse error_response(const ApiError& error, const ErrorForm& form = {});

ApiError invalid_request(std::string message, std::string param = "");
ApiError not_found(std::string message);
// Our own fault; says nothing of why.
ApiError internal_error();
// The service cannot take requests now, whoever asks: 503.
ApiError overloaded(std::string message);
// Too many requests, of this caller or of all: 429.
ApiError too_many(std::string message, std::string code);

}  // namespace confide::api
