// The headers that make a request an E2EE request. docs/protocols/e2ee.md, E1.
#pragma once

#include "api/errors.h"
#include "net/http.h"
#include "seal/e2ee.h"

namespace confide::api {

seal::E2eeHeaders e2ee_headers(const net::Headers& headers);

// For an E2EE request to an endpoint for which no fields are defined (contract 1.6).
ApiError no_sealed_fields();

}  // namespace confide::api
