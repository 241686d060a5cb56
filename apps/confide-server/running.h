// A service on the network, from its keys to its last answer.
#pragma once

#include <vector>

#include "api/otlp.h"
#include "api/service.h"
#include "attest/tee.h"
#include "base/clock.h"
#include "net/http.h"
#include "options.h"
#include "store/receipts.h"

namespace confide::server {

// All of it outlives the call.
struct RunningParts {
  std::vector<api::ServedModel> models;
  std::vector<api::ServedEmbedder> embedders = {};
  attest::Tee& tee;
  store::ReceiptStore& receipts;
  const Clock& clock;
  net::Endpoint listen;
  bool plain = false;  // no TLS, for measurements alone
};

// --listen.
Result<net::Endpoint> parse_listen(const ServeOptions& options);
// --otlp-endpoint and --otlp-pin.
Result<api::Collector> parse_collector(const ServeOptions& options);

// Makes the keys, serves until SIGTERM or SIGINT, then drains; SIGHUP has the files read again. The
// signals must be blocked by ops::catch_termination_and_hangup(). The engines are stopped
// afterwards.
Status run_service(const ServeOptions& options, const RunningParts& parts);

}  // namespace confide::server
