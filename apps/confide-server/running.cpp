#include "running.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "api/access.h"
#include "api/otlp.h"
#include "api/service.h"
#include "caretaker.h"
#include "files.h"
#include "net/server.h"
#include "ops/log.h"
#include "ops/shutdown.h"
#include "ops/version.h"

namespace confide::server {
namespace {

// Requests that wait for a worker: what waits for the engine alone could fill the pool.
constexpr std::size_t kMinQueuedCalls = 256;

bool is_ip_address(std::string_view text) {
  return text.find_first_not_of("0123456789.") == std::string_view::npos ||
         text.find(':') != std::string_view::npos;
}

api::IdentityOptions identity_options(const ServeOptions& options, const net::Endpoint& listen,
                                      Time now) {
  api::IdentityOptions out;
  out.now = now;
  out.steady_now = std::chrono::steady_clock::now();
  out.lifetime = std::chrono::days{options.keyset_days};
  out.sealing_epoch = std::chrono::seconds{options.sealing_epoch};
  out.dns_names = {"localhost"};
  out.ip_addresses = {"127.0.0.1", "::1"};
  std::vector<std::string> names = options.domains;
  names.push_back(listen.address);
  for (const std::string& name : names) {
    auto& list = is_ip_address(name) ? out.ip_addresses : out.dns_names;
    if (std::ranges::find(list, name) == list.end()) list.push_back(name);
  }
  return out;
}

aci::SourceProvenance provenance() {
  aci::SourceProvenance out;
  if (!ops::repository().empty()) out.repo_url = ops::repository();
  out.repo_commit = ops::commit();
  return out;
}

// None without --api-keys.
Result<std::unique_ptr<api::Access>> open_access(const ServeOptions& options) {
  if (options.api_keys.empty()) return nullptr;
  TRY_ASSIGN(auto keys, read_api_keys(options.api_keys));
  if (keys.empty()) ops::log_warning(options.api_keys + " has no keys: nobody may call");
  return std::make_unique<api::Access>(std::move(keys));
}

// None without --tls-cert.
Result<std::optional<TlsFiles>> open_tls(const ServeOptions& options) {
  if (options.tls_certificate.empty()) return std::nullopt;
  TRY_ASSIGN(auto files, read_tls(options.tls_certificate, options.tls_key));
  return files;
}

// None without --otlp-endpoint.
Result<std::shared_ptr<api::TraceSink>> open_traces(const ServeOptions& options,
                                                    ops::Metrics& metrics) {
  if (options.otlp_endpoint.empty()) return nullptr;
  TRY_ASSIGN(auto collector, parse_collector(options));
  return std::make_shared<api::OtlpExporter>(std::move(collector), metrics);
}

Result<net::TlsContext> tls_context(std::optional<TlsFiles> files, const api::Identity& identity) {
  if (files) return std::move(files->context);
  return net::TlsContext::server(identity.tls_certificate(), *identity.tls_key());
}

api::ServiceConfig service_config(const ServeOptions& options,
                                  std::shared_ptr<api::TraceSink> traces) {
  return {.provenance = provenance(),
          .public_metrics = options.metrics_public,
          .debug_endpoints = options.debug_endpoints,
          .queue = options.queue,
          .observer = {.log_requests = options.log_requests,
                       .log_addresses = options.log_addresses,
                       .metrics_by_key = options.metrics_by_key,
                       .traces = std::move(traces)}};
}

void announce(const RunningParts& parts, const api::Identity& identity, std::uint16_t port) {
  for (const api::ServedModel& model : parts.models) {
    ops::log_info(fmt::format("model {} {} ({}, {})", model.name, model.digest,
                              model.engine.info().description, model.engine.build()));
  }
  for (const api::ServedEmbedder& model : parts.embedders) {
    ops::log_info(fmt::format("embedding model {} {} ({}, {})", model.name, model.digest,
                              model.embedder.info().description, model.embedder.build()));
  }
  ops::log_info(fmt::format("keyset {}, valid until {}", identity.published()->digest,
                            to_rfc3339(identity.not_after())));
  ops::log_info(fmt::format("listening on {}://{}:{}", parts.plain ? "http" : "https",
                            net::url_host(parts.listen.address), port));
}

}  // namespace

Result<net::Endpoint> parse_listen(const ServeOptions& options) {
  auto listen = net::parse_endpoint(options.listen);
  if (listen) return listen;
  return fail(Errc::malformed, "--listen takes ADDRESS:PORT, such as 127.0.0.1:8443");
}

Result<api::Collector> parse_collector(const ServeOptions& options) {
  auto url = net::parse_url_or_loopback(options.otlp_endpoint);
  if (!url) return fail(Errc::malformed, fmt::format("--otlp-endpoint: {}", url.error().message));
  api::Collector out{.url = *std::move(url), .pin = {}};
  // Nobody else vouches for it: a web certificate would let any authority read the traces.
  if (!out.url.plain) {
    if (!from_hex_array<32>(options.otlp_pin, HexCase::any)) {
      return fail(Errc::malformed, "--otlp-pin: with https:// give 64 hexadecimal digits");
    }
    out.pin = options.otlp_pin;
  } else if (!options.otlp_pin.empty()) {
    return fail(Errc::malformed, "--otlp-pin: there is no TLS key with http://");
  }
  return out;
}

Status run_service(const ServeOptions& options, const RunningParts& parts) {
  TRY_ASSIGN(const auto access, open_access(options));
  TRY_ASSIGN(auto tls_files, open_tls(options));
  auto wanted = identity_options(options, parts.listen, parts.clock.now());
  if (tls_files) wanted.tls_certificate = tls_files->leaf;
  TRY_ASSIGN(const auto identity, api::Identity::create(wanted));
  TRY(publish_certificate(options, *identity));
  TRY_ASSIGN(auto tls, tls_context(std::move(tls_files), *identity));

  ops::Metrics metrics;
  TRY_ASSIGN(auto traces, open_traces(options, metrics));
  ops::WorkerPool pool(std::max(2U, std::thread::hardware_concurrency()),
                       std::max(kMinQueuedCalls, static_cast<std::size_t>(options.queue)));
  api::Service service(service_config(options, std::move(traces)),
                       {.models = parts.models,
                        .tee = parts.tee,
                        .receipts = parts.receipts,
                        .pool = pool,
                        .metrics = metrics,
                        .clock = parts.clock,
                        .access = access.get(),
                        .embedders = parts.embedders},
                       *identity);
  TRY_ASSIGN(
      const auto server,
      net::Server::start({.address = parts.listen.address,
                          .port = parts.listen.port,
                          .plain = parts.plain,
                          .tls = std::move(tls),
                          .limits = {.max_connections = options.connections},
                          .make_error =
                              [&](int status, std::string_view text, std::string_view path) {
                                return service.transport_error(status, text, path);
                              }},
                         [&](net::HttpRequest request, std::shared_ptr<net::Exchange> exchange) {
                           service.handle(std::move(request), std::move(exchange));
                         }));
  announce(parts, *identity, server->port());

  Caretaker caretaker(
      options,
      {.identity = *identity, .access = access.get(), .server = *server, .metrics = metrics});
  const int signal = ops::wait_for_termination([&caretaker] { caretaker.reread(); });
  ops::log_info(fmt::format("signal {}: finishing what runs, for at most {} s", signal,
                            options.drain_seconds));
  service.begin_drain();
  server->drain(std::chrono::seconds{options.drain_seconds});
  // What still runs is cancelled, and its receipts are written, before anything they use goes.
  for (const api::ServedModel& model : parts.models) model.engine.stop();
  for (const api::ServedEmbedder& model : parts.embedders) model.embedder.stop();
  pool.stop();
  ops::log_info("stopped");
  return {};
}

}  // namespace confide::server
