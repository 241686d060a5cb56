// Any text as the JSON of a request, for each API: parsed into native types or refused with an
// error in that API's form.
#include <cstdlib>

#include "api/constraints.h"
#include "api/generation_api.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto body = confide::json::parse({reinterpret_cast<const char*>(data), size});
  if (!body) return 0;
  static const auto apis = confide::api::generation_apis();
  for (const auto& api : apis) {
    const auto request = api->parse(*body);
    const confide::api::ErrorForm form{confide::api::dialect_of(api->traits().path, false), "req"};
    if (!request && error_response(request.error(), form).body.empty()) std::abort();
  }
  const auto constraints = confide::api::parse_constraints(*body);
  if (!constraints || !constraints->present) return 0;
  confide::Json stripped = *body;
  confide::api::strip_constraints(stripped);
  const auto again = confide::api::parse_constraints(stripped);
  if (!again || again->present) std::abort();
  return 0;
}
