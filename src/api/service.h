// The API surface: routes, headers, limits, receipts. Takes and gives HTTP messages; knows no
// socket. Contract 1, for a service that serves directly.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "aci/receipt.h"
#include "api/access.h"
#include "api/brief_receipts.h"
#include "api/constraints.h"
#include "api/generation.h"
#include "api/generation_api.h"
#include "api/identity.h"
#include "api/jobs.h"
#include "api/pacer.h"
#include "api/reporter.h"
#include "api/request_observer.h"
#include "attest/tee.h"
#include "base/clock.h"
#include "engine/embedder.h"
#include "engine/engine.h"
#include "net/http.h"
#include "ops/metrics.h"
#include "ops/worker_pool.h"
#include "seal/ohttp_gateway.h"
#include "store/receipts.h"

namespace confide::api {

struct ServiceConfig {
  aci::SourceProvenance provenance;
  bool public_metrics = false;   // /v1/metrics for everybody, not for this machine alone
  bool debug_endpoints = false;  // /tokenize, /detokenize, /apply-template
  int queue = 0;                 // requests that may wait for a slot; more make us unready
  ObserverOptions observer = {};
};

struct ServedModel {
  std::string name;                  // the id clients ask for; no two have the same
  std::vector<std::string> aliases;  // further ids of it; the name stands in the answer
  std::string digest;                // sha256:..., as measured
  engine::Engine& engine;            // outlives the service
};

struct ServedEmbedder {
  std::string name;    // as above, and no model's
  std::string digest;  // sha256:..., as measured
  engine::Embedder& embedder;
};

// What the service works with; all of it outlives the service.
struct ServiceParts {
  std::vector<ServedModel> models;  // at least one
  attest::Tee& tee;
  store::ReceiptStore& receipts;
  ops::WorkerPool& pool;
  ops::Metrics& metrics;
  const Clock& clock;
  const Access* access = nullptr;  // null: everybody may call
  std::vector<ServedEmbedder> embedders = {};
};

inline constexpr std::string_view kModels = "/v1/models";

// Thread-safe.
class Service {
 public:
  Service(ServiceConfig config, ServiceParts parts, Identity& identity);

  // Quick: queues the request on the worker pool, or answers 503.
  void handle(net::HttpRequest request, std::shared_ptr<net::Exchange> exchange);
  // From now on /ready says that the service goes away.
  void begin_drain() noexcept { draining_ = true; }
  // For the errors that the listener answers before there is a request; `path` as far as it knows.
  net::HttpResponse transport_error(int status, std::string_view message,
                                    std::string_view path) const;

 private:
  // One request on its way through; lives on the worker's stack.
  struct Call {
    net::HttpRequest request;
    std::shared_ptr<net::Exchange> exchange;
    std::shared_ptr<RequestWatch> watch;
    std::shared_ptr<const PublishedKeyset> keyset;  // under which it was accepted
    std::string owner;                              // "sha256:..." of the bearer token, or empty
    bool sealed = false;                            // it came through the sealed channel,
    std::string client_nonce;                       // with this nonce, or empty
    ErrorForm errors;                               // as its client reads them
  };
  struct Model {
    ServedModel served;
    std::string fingerprint;  // of the model and the engine
  };
  // A body that may be served: what it asks, and what its receipt will say of it.
  struct AcceptedBody {
    Json body;
    Constraints constraints;
    std::string received_hash;
    std::string forwarded_hash;
    std::optional<seal::ResponseSealer> sealer;
  };

  static ErrorForm error_form(const net::HttpRequest& request, const RequestWatch& watch);
  // A fixed name for each route, so that no caller chooses a metric label.
  std::string_view route_name(std::string_view path) const;
  // The methods that a path takes besides OPTIONS; nothing if it is no path of ours. What is for
  // operators cannot be reached through the sealed channel, which relays for anybody.
  std::string_view methods_at(std::string_view path, bool sealed, bool metrics) const;
  void route(Call& call);
  // Whether the request may go on, as far as its path tells: docs/operations.md, "API keys".
  ApiResult<void> let_in(Call& call) const;
  void root(Call& call);
  void health(Call& call);
  void ready(Call& call);
  void metrics_text(Call& call);
  Json model_json(const Model& model) const;
  Json embedder_json(const ServedEmbedder& served) const;
  Json anthropic_model_json(const Model& model) const;
  ApiError no_such_model() const;
  // Whether the request's key, if it needs one, is for this model by any of its names.
  bool may_use(const Call& call, const Model& model) const;
  // 403 if the request's key, if it needs one, is not for this name.
  static ApiResult<void> check_scope(const Call& call, const std::string& name);
  // The model of this name or alias; 403 if the request may not use it, 404 if there is none.
  ApiResult<const Model*> model_for(const Call& call, const std::string& name) const;
  // Of what the request may use.
  ApiResult<Json> model_list(const Call& call) const;
  ApiResult<Json> models_answer(const Call& call) const;
  void models(Call& call);
  bool is_debug_path(std::string_view path) const;
  ApiResult<Json> debug_answer(const Call& call) const;
  void debug(Call& call);
  void attestation(Call& call);
  void receipt(Call& call);
  void key_configs(Call& call);
  void sealed(Call& call);
  void serve_sealed(Call& outer, seal::Admitted admitted);
  // Null if there is none.
  const GenerationApi* generation_api(std::string_view path) const;
  const Model* find_model(std::string_view name) const;
  void generate(Call& call, const GenerationApi& api);
  // In clear, whether encryption was asked for or not.
  void refuse_in_clear(Call& call, ApiError error);
  // Of the budget of the request's key, if it has one, what may be used at most.
  static ApiResult<void> reserve(const Call& call, const TokenNeed& need);
  ApiResult<void> start_generation(Call& call, const GenerationApi& api);
  ApiResult<AcceptedBody> accept_body(Call& call, std::optional<seal::Endpoint> fields);
  aci::ReceiptFields start_receipt(const Call& call, std::string_view path,
                                   const AcceptedBody& accepted) const;
  static net::Headers answer_headers(const Call& call, const AcceptedBody& accepted);
  GenerationPlan plan(Call& call, const GenerationApi& api, AcceptedBody& accepted);
  static ApiResult<void> submit(engine::Engine& engine, std::vector<PreparedPrompt> prompts, int n,
                                const std::shared_ptr<Generation>& generation,
                                const std::shared_ptr<RequestWatch>& watch, bool sealed);
  // For requests that ask no more than how long their prompt is.
  ApiResult<void> answer_count(Call& call, const GenerationApi& api, const Model& model,
                               const ParsedRequest& parsed, GenerationPlan planned);
  // How long a receipt lasts: as the store says, or for as long as somebody would fetch it who was
  // just told of it.
  enum class Keep { stored, briefly };
  // Files the receipt of an answer that is whole. `headers` come with it, whatever becomes of it.
  void reply_proven(Call& call, aci::ReceiptFields fields, Keep keep, net::HttpResponse response,
                    const net::Headers& headers);
  void refuse_sessions(Call& call, const AcceptedBody& accepted, aci::ReceiptFields fields);
  void embed(Call& call);
  struct EmbeddingPlan;
  ApiResult<void> start_embedding(Call& call);
  void finish_embedding(EmbeddingPlan& plan, Result<std::vector<engine::Vector>> vectors);
  const ServedEmbedder* find_embedder(std::string_view name) const;
  ApiResult<const ServedEmbedder*> embedder_for(const Call& call, const std::string& name) const;
  // False if it could not be signed or stored; then the answer may not leave.
  bool file_receipt(const aci::ReceiptFields& fields, const std::string& owner, Keep keep);

  void reply(Call& call, net::HttpResponse response);
  void refuse(Call& call, const ApiError& error);
  void reply_json(Call& call, const Json& body);
  static void add_common_headers(net::Headers& headers, const PublishedKeyset& keyset);

  const ServiceConfig config_;
  const std::vector<std::unique_ptr<const GenerationApi>> apis_ = generation_apis();
  ServiceParts parts_;
  std::vector<Model> models_;
  Identity& identity_;
  const std::shared_ptr<RequestObserver> observer_;
  Reporter reporter_;
  seal::ServerChannel channel_;
  seal::OhttpGateway gateway_;
  BriefReceipts brief_receipts_;
  Pacer pacer_;
  const Time started_;
  std::atomic<bool> draining_ = false;
  std::atomic<std::size_t> body_bytes_{0};  // of requests queued or under way
};

}  // namespace confide::api
