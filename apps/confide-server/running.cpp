#include "running.h"

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <stop_token>
#include <thread>

#include <fmt/format.h>

#include "api/service.h"
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

Status write_file(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return fail(Errc::unavailable, fmt::format("cannot write {}", path));
  return {};
}

aci::SourceProvenance provenance() {
  aci::SourceProvenance out;
  if (!ops::repository().empty()) out.repo_url = ops::repository();
  out.repo_commit = ops::commit();
  return out;
}

// Looks after the sealing keys until it is destroyed.
class KeyTender {
 public:
  explicit KeyTender(api::Identity& identity)
      : thread_([&identity](const std::stop_token& stop) {
          std::mutex mutex;
          std::condition_variable_any wake;
          std::unique_lock lock(mutex);
          while (!wake.wait_for(lock, stop, std::chrono::seconds{1},
                                [&stop] { return stop.stop_requested(); })) {
            tend(identity);
          }
        }) {}

 private:
  static void tend(api::Identity& identity) {
    const auto replaced = identity.tend(std::chrono::steady_clock::now());
    if (!replaced) {
      ops::log_error(fmt::format("sealing key not replaced: {}", replaced.error().message));
    } else if (*replaced) {
      ops::log_info(fmt::format("sealing key replaced; keyset {}", identity.published()->digest));
    }
  }
  std::jthread thread_;
};

}  // namespace

Result<net::Endpoint> parse_listen(const ServeOptions& options) {
  auto listen = net::parse_endpoint(options.listen);
  if (listen) return listen;
  return fail(Errc::malformed, "--listen takes ADDRESS:PORT, such as 127.0.0.1:8443");
}

Status run_service(const ServeOptions& options, const RunningParts& parts) {
  TRY_ASSIGN(const auto identity,
             api::Identity::create(identity_options(options, parts.listen, parts.clock.now())));
  TRY(write_file(options.state + "/tls-cert.pem", identity->tls_certificate().to_pem()));

  ops::Metrics metrics;
  ops::WorkerPool pool(std::max(2U, std::thread::hardware_concurrency()),
                       std::max(kMinQueuedCalls, static_cast<std::size_t>(options.queue)));
  api::Service service({.provenance = provenance(), .public_metrics = options.metrics_public},
                       {.models = parts.models,
                        .tee = parts.tee,
                        .receipts = parts.receipts,
                        .pool = pool,
                        .metrics = metrics,
                        .clock = parts.clock},
                       *identity);
  TRY_ASSIGN(
      const auto server,
      net::Server::start({.address = parts.listen.address,
                          .port = parts.listen.port,
                          .plain = parts.plain,
                          .certificate = identity->tls_certificate(),
                          .key = &identity->tls_key(),
                          .limits = {.max_connections = options.connections},
                          .make_error =
                              [&](int status, std::string_view text, std::string_view path) {
                                return service.transport_error(status, text, path);
                              }},
                         [&](net::HttpRequest request, std::shared_ptr<net::Exchange> exchange) {
                           service.handle(std::move(request), std::move(exchange));
                         }));
  for (const api::ServedModel& model : parts.models) {
    ops::log_info(fmt::format("model {} {} ({}, {})", model.name, model.digest,
                              model.engine.info().description, model.engine.build()));
  }
  ops::log_info(fmt::format("keyset {}, valid until {}", identity->published()->digest,
                            to_rfc3339(identity->not_after())));
  ops::log_info(fmt::format("listening on {}://{}:{}", parts.plain ? "http" : "https",
                            net::url_host(parts.listen.address), server->port()));

  const KeyTender tender(*identity);
  const int signal = ops::wait_for_termination();
  ops::log_info(fmt::format("signal {}: finishing what runs, for at most {} s", signal,
                            options.drain_seconds));
  server->drain(std::chrono::seconds{options.drain_seconds});
  // What still runs is cancelled, and its receipts are written, before anything they use goes.
  for (const api::ServedModel& model : parts.models) model.engine.stop();
  pool.stop();
  ops::log_info("stopped");
  return {};
}

}  // namespace confide::server
