// A service on the network, from its keys to its last answer.
#pragma once

#include <string>

#include "attest/tee.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "net/http.h"
#include "options.h"
#include "store/receipts.h"

namespace confide::server {

// All of it outlives the call.
struct RunningParts {
  engine::Engine& engine;
  attest::Tee& tee;
  store::ReceiptStore& receipts;
  const Clock& clock;
  net::Endpoint listen;
  bool plain = false;        // no TLS, for measurements alone
  std::string model_name;    // the id that clients ask for
  std::string model_digest;  // sha256:..., as measured
};

// --listen.
Result<net::Endpoint> parse_listen(const ServeOptions& options);

// Makes the keys, serves until SIGTERM or SIGINT, then drains; both signals must be blocked by
// ops::catch_termination(). The engine is stopped afterwards.
Status run_service(const ServeOptions& options, const RunningParts& parts);

}  // namespace confide::server
