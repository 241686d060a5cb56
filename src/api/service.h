// The API surface: routes, headers, limits, receipts. Takes and gives HTTP messages; knows no
// socket. Contract 1, for a service that serves directly.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "aci/receipt.h"
#include "api/identity.h"
#include "api/openai.h"
#include "api/pacer.h"
#include "api/reporter.h"
#include "attest/tee.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "net/http.h"
#include "ops/metrics.h"
#include "ops/worker_pool.h"
#include "seal/ohttp_gateway.h"
#include "store/receipts.h"

namespace confide::api {

struct ServiceConfig {
  std::string model_name;    // the id clients ask for
  std::string model_digest;  // sha256:..., as measured
  aci::SourceProvenance provenance;
  bool public_metrics = false;  // /v1/metrics for everybody, not for this machine alone
};

// What the service works with; all of it outlives the service.
struct ServiceParts {
  engine::Engine& engine;
  attest::Tee& tee;
  store::ReceiptStore& receipts;
  ops::WorkerPool& pool;
  ops::Metrics& metrics;
  const Clock& clock;
};

// Thread-safe.
class Service {
 public:
  Service(ServiceConfig config, ServiceParts parts, Identity& identity);

  // Quick: queues the request on the worker pool, or answers 503.
  void handle(net::HttpRequest request, std::shared_ptr<net::Exchange> exchange);
  // For the errors that the listener answers before there is a request.
  net::HttpResponse transport_error(int status, std::string_view message) const;

 private:
  // One request on its way through; lives on the worker's stack.
  struct Call {
    net::HttpRequest request;
    std::shared_ptr<net::Exchange> exchange;
    std::shared_ptr<const PublishedKeyset> keyset;  // under which it was accepted
    std::string owner;                              // "sha256:..." of the bearer token, or empty
    bool sealed = false;                            // it came through the sealed channel,
    std::string client_nonce;                       // with this nonce, or empty
  };
  // A body that may be served: what it asks, and what its receipt will say of it.
  struct AcceptedBody {
    Json body;
    Constraints constraints;
    std::string received_hash;
    std::string forwarded_hash;
    std::optional<seal::ResponseSealer> sealer;
  };

  void route(Call& call);
  void root(Call& call);
  void health(Call& call);
  void metrics_text(Call& call);
  void models(Call& call);
  void attestation(Call& call);
  void receipt(Call& call);
  void key_configs(Call& call);
  void sealed(Call& call);
  void serve_sealed(Call& outer, seal::Admitted admitted);
  void generate(Call& call, Endpoint endpoint);
  ApiResult<void> start_generation(Call& call, Endpoint endpoint);
  ApiResult<AcceptedBody> accept_body(Call& call, Endpoint endpoint);
  ApiResult<engine::Job> make_job(const GenerationRequest& request) const;
  void refuse_sessions(Call& call, aci::ReceiptFields fields);
  bool file_receipt(const aci::ReceiptFields& fields, const std::string& owner);

  void reply(Call& call, net::HttpResponse response);
  void reply_json(Call& call, const Json& body);
  static void add_common_headers(net::Headers& headers, const PublishedKeyset& keyset);

  const ServiceConfig config_;
  ServiceParts parts_;
  Identity& identity_;
  Reporter reporter_;
  seal::ServerChannel channel_;
  seal::OhttpGateway gateway_;
  Pacer pacer_;
  const std::string fingerprint_;
  const Time started_;
  std::atomic<std::size_t> body_bytes_{0};  // of requests queued or under way
};

}  // namespace confide::api
