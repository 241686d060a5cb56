#include "api/service.h"

#include <algorithm>
#include <ranges>

#include <fmt/format.h>

#include "api/embeddings.h"
#include "api/sealed_exchange.h"
#include "api/try.h"
#include "crypto/hash.h"
#include "ops/log.h"

namespace confide::api {
namespace {

constexpr std::string_view kReceipts = "/v1/aci/receipts/";
constexpr std::string_view kSessions = "/v1/aci/sessions";
constexpr std::size_t kMaxIdBytes = 128;
// Of request bodies that wait for a worker or are with one: bounds memory, and the time that big
// requests take from small ones (about 0.5 s of one core for the biggest).
constexpr std::size_t kMaxBodyBytes = std::size_t{128} << 20U;
constexpr std::string_view kExposed =
    "X-ACI-Version, X-ACI-Keyset-Digest, X-Receipt-Id, X-E2EE-Applied, X-E2EE-Version, "
    "X-E2EE-Algo, X-Request-Id, Request-Id, Retry-After";

std::string fingerprint(const ServedModel& model) {
  const auto digest = crypto::sha256(as_bytes(model.digest + "\n" + model.engine.build()));
  return "fp_" + to_hex(digest).substr(0, 12);
}

// "sha256:..." of the credential, empty without one. What looks unlike a token counts as well: the
// receipt of a request without an owner is everybody's.
std::string owner_of(const net::Headers& headers) {
  std::string credential = credential_of(headers);
  std::string owner = credential.empty() ? "" : crypto::sha256_tag(as_bytes(credential));
  wipe(credential);
  return owner;
}

// What anybody may ask, with a key or without: a service must be verifiable before it is shown one.
// Receipts have owners of their own. All else needs a key where there are any.
bool is_open(std::string_view path) {
  return path == "/" || path == "/health" || path == "/ready" || path == "/metrics" ||
         path == "/v1/metrics" || path == seal::kOhttpPath || path.starts_with("/v1/aci/");
}

// "::ffff:" as a socket for both versions writes version 4.
bool is_loopback(std::string_view address) {
  constexpr std::string_view kMapped = "::ffff:";
  if (address.starts_with(kMapped)) address.remove_prefix(kMapped.size());
  return address == "::1" || address.starts_with("127.");
}

bool lists(std::string_view methods, std::string_view method) {
  for (const auto part : std::views::split(methods, std::string_view(", "))) {
    if (std::ranges::equal(part, method)) return true;
  }
  return false;
}

}  // namespace

ErrorForm Service::error_form(const net::HttpRequest& request, const RequestWatch& watch) {
  return {.dialect = dialect_of(request.path, request.headers.has(kAnthropicVersion)),
          .request_id = watch.id()};
}

Service::Service(ServiceConfig config, ServiceParts parts, Identity& identity)
    : config_(std::move(config)),
      parts_(std::move(parts)),
      identity_(identity),
      observer_(std::make_shared<RequestObserver>(parts_.metrics, config_.observer)),
      reporter_(parts_.tee, config_.provenance, parts_.clock),
      channel_(identity.take_e2ee_keys()),
      gateway_(identity.sealing_keys()),
      pacer_(kConstantInterval),
      started_(parts_.clock.now()) {
  for (const ServedModel& model : parts_.models) {
    models_.push_back({.served = model, .fingerprint = fingerprint(model)});
  }
}

const GenerationApi* Service::generation_api(std::string_view path) const {
  for (const auto& api : apis_) {
    if (api->traits().path == path) return api.get();
  }
  return nullptr;
}

std::string_view Service::route_name(std::string_view path) const {
  if (const GenerationApi* api = generation_api(path)) return api->traits().path;
  for (const std::string_view known : std::initializer_list<std::string_view>{
           "/", "/health", "/ready", "/metrics", "/v1/metrics", "/v1/models", kEmbeddings,
           "/v1/aci/attestation", "/v1/aci/sessions", seal::kOhttpPath}) {
    if (path == known) return known;
  }
  if (is_debug_path(path)) return "debug";
  if (path.starts_with(kReceipts)) return "/v1/aci/receipts/{id}";
  if (path.starts_with("/v1/aci/sessions/")) return "/v1/aci/sessions/{id}";
  if (path.starts_with("/v1/models/")) return "/v1/models/{id}";
  return "other";
}

std::string_view Service::methods_at(std::string_view path, bool sealed, bool metrics) const {
  if (generation_api(path) != nullptr || path == kEmbeddings || is_debug_path(path)) return "POST";
  const std::string_view route = route_name(path);
  if (sealed && (route == "/health" || route == "/ready")) return "";
  if (!metrics && (route == "/metrics" || route == "/v1/metrics")) return "";
  if (route == seal::kOhttpPath) return "GET, HEAD, POST";
  return route == "other" ? "" : "GET, HEAD";
}

void Service::handle(net::HttpRequest request, std::shared_ptr<net::Exchange> exchange) {
  auto call = std::make_shared<Call>();
  call->request = std::move(request);
  call->watch = observer_->begin(call->request);
  call->errors = error_form(call->request, *call->watch);
  call->watch->set_route(route_name(call->request.path), call->errors.dialect);
  call->exchange = watched(call->watch, std::move(exchange));
  call->keyset = identity_.published();
  // Takes no time, and whoever asks wants to know about us, not about our queue.
  if (call->request.path == "/health" || call->request.path == "/ready") return route(*call);
  const std::size_t size = call->request.body.size();
  const bool room = body_bytes_.fetch_add(size) + size <= kMaxBodyBytes;
  const bool queued = room && parts_.pool.try_post([this, call, size] {
    try {
      route(*call);
    } catch (const std::exception& e) {
      // Not e.what(): it may quote the request.
      ops::log_error("a request handler threw; answered 500");
      refuse(*call, internal_error());
    }
    wipe(call->request.body);
    body_bytes_ -= size;
  });
  if (queued) return;
  body_bytes_ -= size;
  refuse(*call, overloaded("The service is busy; try again."));
}

net::HttpResponse Service::transport_error(int status, std::string_view message,
                                           std::string_view path) const {
  net::HttpResponse response =
      error_response({.status = status,
                      .type = status >= 500 ? "internal_error" : "invalid_request_error",
                      .message = std::string(message),
                      .code = "",
                      .param = ""},
                     {.dialect = dialect_of(path, /*names_version=*/false)});
  add_common_headers(response.headers, *identity_.published());
  return response;
}

void Service::add_common_headers(net::Headers& headers, const PublishedKeyset& keyset) {
  headers.set("X-ACI-Version", std::string(aci::kApiVersion));
  headers.set("X-ACI-Keyset-Digest", keyset.digest);
  headers.set("Access-Control-Allow-Origin", "*");
  headers.set("Access-Control-Expose-Headers", std::string(kExposed));
}

void Service::reply(Call& call, net::HttpResponse response) {
  add_common_headers(response.headers, *call.keyset);
  call.exchange->respond(std::move(response));
}

void Service::refuse(Call& call, const ApiError& error) {
  reply(call, error_response(error, call.errors));
}

void Service::reply_json(Call& call, const Json& body) {
  net::HttpResponse response;
  response.headers.set("Content-Type", "application/json");
  response.body = json::compact(body);
  reply(call, std::move(response));
}

void Service::route(Call& call) {
  const std::string& method = call.request.method;
  const std::string& path = call.request.path;
  call.owner = owner_of(call.request.headers);
  if (method == "OPTIONS") {
    net::HttpResponse response;
    response.status = 204;
    response.headers.set("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    response.headers.set("Access-Control-Allow-Headers", "*, Authorization");
    response.headers.set("Access-Control-Max-Age", "86400");
    reply(call, std::move(response));
    return;
  }
  // Counts of tokens tell who watches what the padding of the sealed channel hides.
  const bool metrics = !call.sealed && (config_.public_metrics || is_loopback(call.request.peer));
  const std::string_view methods = methods_at(path, call.sealed, metrics);
  if (methods.empty()) {
    return refuse(call, not_found("There is nothing at this path."));
  }
  if (!lists(methods, method)) {
    ApiError error = invalid_request("This path does not take this method.");
    error.status = 405;
    error.headers.emplace_back("Allow", fmt::format("{}, OPTIONS", methods));
    return refuse(call, error);
  }
  const GenerationApi* api = generation_api(path);
  if (const auto in = let_in(call); !in) return refuse(call, in.error());
  if (api != nullptr) return generate(call, *api);
  if (path == kEmbeddings) return embed(call);
  if (path == seal::kOhttpPath) return method == "POST" ? sealed(call) : key_configs(call);
  if (path == "/v1/aci/attestation") return attestation(call);
  if (path.starts_with(kReceipts)) return receipt(call);
  if (path == kSessions) {
    return reply_json(call, {{"api_version", aci::kApiVersion}, {"sessions", Json::array()}});
  }
  if (path.starts_with(kSessions)) {
    return refuse(call, not_found("A direct service has no sessions."));
  }
  if (path.starts_with(kModels)) return models(call);
  if (is_debug_path(path)) return debug(call);
  if (path == "/health") return health(call);
  if (path == "/ready") return ready(call);
  if (path == "/metrics" || path == "/v1/metrics") return metrics_text(call);
  root(call);
}

ApiResult<void> Service::let_in(Call& call) const {
  if (parts_.access == nullptr || is_open(call.request.path)) return {};
  API_TRY_ASSIGN(auto grant, parts_.access->identify(call.request.headers, parts_.clock.now()));
  call.watch->set_grant(grant);
  // To look at what there is costs nothing.
  return call.request.method == "POST" ? grant->begin(std::chrono::steady_clock::now())
                                       : ApiResult<void>();
}

void Service::root(Call& call) {
  Json body = {{"api_version", aci::kApiVersion}, {"workload_keyset_digest", call.keyset->digest}};
  if (parts_.tee.simulated()) body["notice"] = "SIMULATED TEE: no hardware protects this service";
  reply_json(call, body);
}

void Service::health(Call& call) {
  if (parts_.clock.now() < identity_.not_after()) return reply_json(call, {{"status", "ok"}});
  refuse(call, overloaded("The keyset has expired; restart the service."));
}

// For a load balancer: whether more requests would be answered here.
void Service::ready(Call& call) {
  const auto not_ready = [&](std::string why) { refuse(call, overloaded(std::move(why))); };
  if (draining_) return not_ready("The service is stopping.");
  if (parts_.clock.now() >= identity_.not_after()) {
    return not_ready("The keyset has expired; restart the service.");
  }
  for (const Model& model : models_) {
    const int waiting = model.served.engine.load_now().waiting;
    if (waiting > 0 && waiting >= config_.queue) return not_ready("The queue is full.");
  }
  reply_json(call, {{"status", "ready"}});
}

void Service::metrics_text(Call& call) {
  ops::Metrics& metrics = parts_.metrics;
  for (const Model& model : models_) {
    const engine::Load load = model.served.engine.load_now();
    const ops::Metrics::Labels labels = {{"model", model.served.name}};
    metrics.set("confide_num_requests_running", "Requests being generated.", labels, load.active);
    metrics.set("confide_num_requests_waiting", "Requests waiting for a slot.", labels,
                load.waiting);
  }
  net::HttpResponse response;
  response.headers.set("Content-Type", "text/plain; version=0.0.4");
  response.body = metrics.text();
  reply(call, std::move(response));
}

void Service::attestation(Call& call) {
  auto report = reporter_.report(*call.keyset, net::query_value(call.request.query, "nonce"),
                                 call.request.peer);
  if (!report) return refuse(call, report.error());
  net::HttpResponse response;
  response.headers.set("Content-Type", "application/json");
  response.headers.set("Cache-Control", "no-store");
  response.body = *std::move(report);
  reply(call, std::move(response));
}

// Contract 1.4. Unknown, expired and somebody else's look the same.
void Service::receipt(Call& call) {
  const std::string id = call.request.path.substr(kReceipts.size());
  const auto missing = [&] { refuse(call, not_found("There is no such receipt.")); };
  if (id.empty() || id.size() > kMaxIdBytes) return missing();
  Result<store::StoredReceipt> found = fail(Errc::not_found, "no such receipt");
  if (auto brief = brief_receipts_.find(id)) {
    found = *std::move(brief);
  } else {
    found = parts_.receipts.find(id, parts_.clock.now());
  }
  if (!found) {
    if (found.error().code == Errc::not_found) return missing();
    ops::log_error(fmt::format("receipt store: {}", found.error().message));
    return refuse(call, internal_error());
  }
  if (!found->owner.empty()) {
    if (call.owner.empty()) {
      return refuse(call, {.status = 401,
                           .type = "unauthorized",
                           .message = "This receipt needs the credential that the request was made "
                                      "with.",
                           .code = "",
                           .param = ""});
    }
    if (!constant_time_equal(as_bytes(call.owner), as_bytes(found->owner))) return missing();
  }
  net::HttpResponse response;
  response.headers.set("Content-Type", "application/json");
  response.headers.set("Cache-Control", "no-store");
  response.body = found->document;
  reply(call, std::move(response));
}

bool Service::file_receipt(const aci::ReceiptFields& fields, const std::string& owner, Keep keep) {
  auto document = aci::sign_receipt(fields, identity_.receipt_key_id(), identity_.receipt_key());
  if (!document) {
    ops::log_error(fmt::format("receipt not signed: {}", document.error().message));
    return false;
  }
  store::StoredReceipt receipt{.document = *std::move(document), .owner = owner};
  if (keep == Keep::briefly) {
    brief_receipts_.put(fields.receipt_id, std::move(receipt));
  } else if (const auto stored = parts_.receipts.put(fields.receipt_id, fields.chat_id, receipt,
                                                     parts_.clock.now());
             !stored) {
    ops::log_error(fmt::format("receipt not stored: {}", stored.error().message));
    return false;
  }
  parts_.metrics.count("confide_receipts_total", "Receipts signed and kept.", {});
  return true;
}

}  // namespace confide::api
