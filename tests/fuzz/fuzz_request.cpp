// Any text as the JSON of a request: parsed into native types or refused with an OpenAI-shaped
// error.
#include <cstdlib>

#include "api/openai.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto body = confide::json::parse({reinterpret_cast<const char*>(data), size});
  if (!body) return 0;
  using confide::api::Endpoint;
  for (const auto endpoint : {Endpoint::chat_completions, Endpoint::completions}) {
    const auto request = confide::api::parse_generation(*body, endpoint);
    if (!request && confide::api::error_body(request.error()).empty()) std::abort();
  }
  const auto constraints = confide::api::parse_constraints(*body);
  if (!constraints || !constraints->present) return 0;
  confide::Json stripped = *body;
  confide::api::strip_constraints(stripped);
  const auto again = confide::api::parse_constraints(stripped);
  if (!again || again->present) std::abort();
  return 0;
}
