// The ACI constraints in a body's `provider`. Contract 1.6.
#pragma once

#include "api/errors.h"
#include "base/json.h"

namespace confide::api {

struct Constraints {
  bool session_ids = false;  // a list was given: a direct service has none
  bool present = false;      // an aci_ member was there and must be removed before inference
};
ApiResult<Constraints> parse_constraints(const Json& body);
// Removes them; an emptied `provider` goes too.
void strip_constraints(Json& body);

}  // namespace confide::api
