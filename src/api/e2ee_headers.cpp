#include "api/e2ee_headers.h"

namespace confide::api {

seal::E2eeHeaders e2ee_headers(const net::Headers& headers) {
  return {.version = headers.get("X-E2EE-Version"),
          .client_public_key = headers.get("X-Client-Pub-Key"),
          .model_public_key = headers.get("X-Model-Pub-Key"),
          .nonce = headers.get("X-E2EE-Nonce"),
          .timestamp = headers.get("X-E2EE-Timestamp"),
          .signing_algo = headers.get("X-Signing-Algo")};
}

ApiError no_sealed_fields() {
  return {.type = "e2ee_unsupported_endpoint",
          .message =
              "E2EE version 2 defines no fields for this endpoint; use the sealed channel "
              "(OHTTP), which seals whole requests and answers.",
          .code = "",
          .param = ""};
}

}  // namespace confide::api
