#include "api/constraints.h"

#include <algorithm>

#include "aci/keyset.h"

namespace confide::api {
namespace {

constexpr std::string_view kVerified = "aci_verified";
constexpr std::string_view kSessions = "aci_session_ids";

bool is_session_list(const Json& value) {
  return value.is_array() && !value.empty() && std::ranges::all_of(value, [](const Json& id) {
           // A session id has the shape of a nonce: 64 lower-case hex digits.
           return id.is_string() && aci::is_nonce(id.get_ref<const std::string&>());
         });
}

}  // namespace

ApiResult<Constraints> parse_constraints(const Json& body) {
  const auto bad = [](std::string message) {
    return tl::unexpected(invalid_request(std::move(message), "provider"));
  };
  Constraints out;
  const Json* provider = json::find(body, "provider");
  if (provider == nullptr || provider->is_null()) return out;
  if (!provider->is_object()) return bad("'provider' must be an object.");
  for (const auto& [name, value] : provider->items()) {
    if (!name.starts_with("aci_")) continue;
    out.present = true;
    if (name == kVerified) {
      if (!value.is_boolean()) return bad("'provider.aci_verified' must be true or false.");
    } else if (name == kSessions) {
      if (!is_session_list(value)) {
        return bad("'provider.aci_session_ids' must be a non-empty array of session ids.");
      }
      out.session_ids = true;
    } else {
      return bad("'provider' has an 'aci_' member that this service does not know.");
    }
  }
  const Json* verified = json::find(*provider, kVerified);
  if (out.session_ids && verified != nullptr && !verified->get<bool>()) {
    return bad("'provider.aci_session_ids' contradicts 'provider.aci_verified': false.");
  }
  return out;
}

void strip_constraints(Json& body) {
  Json& provider = body["provider"];
  provider.erase(std::string(kVerified));
  provider.erase(std::string(kSessions));
  if (provider.empty()) body.erase("provider");
}

}  // namespace confide::api
