// One API through which text is generated: how its requests are read, and how its answers and
// errors are written. Everything else is the same for all of them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/answer.h"
#include "api/errors.h"
#include "api/generation_request.h"
#include "base/json.h"
#include "net/http.h"
#include "seal/fields.h"

namespace confide::api {

struct ApiTraits {
  std::string_view path;              // of the requests, and the endpoint in receipts
  std::string_view id_prefix;         // of an answer's id
  std::string_view tool_call_prefix;  // of the id of a call that the model gave none
  std::string_view prompt_member;     // what errors about the prompt name
  std::string_view schema_member;     // and about the answer's form
  // Which fields E2EE seals; nothing: none are defined, so E2EE is refused (contract 1.6).
  std::optional<seal::Endpoint> sealed_fields;
};

struct ParsedRequest {
  GenerationRequest generation;
  std::function<std::unique_ptr<AnswerShape>(AnswerHead)> make_shape;  // called at most once
  // If set, nothing is generated: the answer is this, made of the number of the prompt's tokens.
  std::function<Json(std::size_t tokens)> count_answer = {};
};

// Immutable.
class GenerationApi {
 public:
  explicit GenerationApi(const ApiTraits& traits) : traits_(traits) {}
  virtual ~GenerationApi() = default;
  const ApiTraits& traits() const noexcept { return traits_; }

  // Before the body is looked at.
  virtual ApiResult<void> check_headers(const net::Headers& /*headers*/) const { return {}; }
  // Checks every member it uses: a wrong type or range is a 400 that names the member. What is not
  // offered is refused by name, never passed over. docs/api.md lists what becomes of each.
  virtual ApiResult<ParsedRequest> parse(const Json& body) const = 0;

 private:
  const ApiTraits traits_;
};

// All that this service speaks.
std::vector<std::unique_ptr<const GenerationApi>> generation_apis();

}  // namespace confide::api
