#include "serve.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <fstream>
#include <mutex>
#include <stop_token>
#include <thread>

#include <fmt/format.h>

#include "api/service.h"
#include "attest/tee.h"
#include "engine/engine.h"
#include "engine/model_file.h"
#include "manifest.h"
#include "net/server.h"
#include "net/tls.h"
#include "ops/hardening.h"
#include "ops/log.h"
#include "ops/shutdown.h"
#include "ops/version.h"
#include "store/receipts.h"

namespace confide::server {
namespace {

constexpr std::string_view kModelEvent = "confide.model";
constexpr std::size_t kMaxQueuedCalls = 256;

Result<net::Endpoint> parse_listen(std::string_view text) {
  auto listen = net::parse_endpoint(text);
  if (listen) return listen;
  return fail(Errc::malformed, "--listen takes ADDRESS:PORT, such as 127.0.0.1:8443");
}

Status make_state_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(Errc::unavailable,
                fmt::format("cannot create --state {}: {}", path, std::strerror(errno)));
  }
  if (access(path.c_str(), W_OK | X_OK) != 0) {
    return fail(Errc::unavailable,
                fmt::format("cannot write to --state {}: {}", path, std::strerror(errno)));
  }
  return {};
}

// One line on a terminal, redrawn; silent elsewhere.
void show_progress(std::uint64_t done, std::uint64_t total) {
  if (isatty(STDERR_FILENO) == 0 || total == 0) return;
  constexpr std::uint64_t kWidth = 32;
  const std::uint64_t filled = done * kWidth / total;
  fmt::print(stderr, "\rLoading model [{:#<{}}{:.<{}}] {:3}%", "", filled, "", kWidth - filled,
             done * 100 / total);
  if (done == total) fmt::print(stderr, "\n");
}

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

Result<std::unique_ptr<attest::Tee>> open_tee(const ServeOptions& options,
                                              const std::vector<std::string>& arguments,
                                              const Clock& clock) {
  attest::Settings settings;
  TRY_ASSIGN(settings.kind, attest::parse_kind(options.tee));
  settings.state_dir = options.state;
  TRY_ASSIGN(settings.app_compose, application_manifest(arguments));
  settings.clock = &clock;
  return attest::open_tee(settings);
}

struct LoadedModel {
  engine::ModelFile file;
  crypto::Sha256 digest{};
};

// Hashes the very bytes that the engine will map, and measures them before the first request.
Result<LoadedModel> load_model(const std::string& path, attest::Tee& tee) {
  crypto::Sha256Stream hash;
  TRY_ASSIGN(auto file, engine::ModelFile::load(
                            path, [&](ByteView bytes) { hash.update(bytes); }, show_progress));
  LoadedModel out{.file = std::move(file), .digest = hash.finish()};
  TRY(tee.measure(kModelEvent, out.digest));
  return out;
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

Status run(const ServeOptions& options, const std::vector<std::string>& arguments) {
  const SystemClock clock;
  TRY_ASSIGN(const net::Endpoint listen, parse_listen(options.listen));
  TRY(make_state_folder(options.state));
  TRY_ASSIGN(const auto tee, open_tee(options, arguments, clock));
  if (tee->simulated()) {
    ops::log_warning(fmt::format(
        "SIMULATED TEE: no hardware protects this service; clients must name {}/sim-root.pem",
        options.state));
  }
  // Before the model, which may take minutes: what can fail at once fails at once.
  TRY_ASSIGN(const auto receipts,
             store::ReceiptStore::open(options.state + "/receipts.db",
                                       {.max_age = std::chrono::days{options.receipt_days},
                                        .max_receipts = options.receipt_max}));
  TRY_ASSIGN(const LoadedModel model, load_model(options.model, *tee));
  // Until here a signal ends the process, which has nothing to finish; the threads begin now.
  ops::catch_termination();
  TRY_ASSIGN(const auto engine,
             engine::Engine::load(model.file, {.slots = options.slots,
                                               .context_per_slot = options.context,
                                               .threads = options.threads,
                                               .queue = options.queue}));
  TRY_ASSIGN(const auto identity,
             api::Identity::create(identity_options(options, listen, clock.now())));
  TRY(write_file(options.state + "/tls-cert.pem", identity->tls_certificate().to_pem()));

  ops::Metrics metrics;
  const std::string name = options.model_name.empty() ? model.file.name() : options.model_name;
  const std::string digest = crypto::sha256_tag(model.digest);
  ops::WorkerPool pool(std::max(2U, std::thread::hardware_concurrency()), kMaxQueuedCalls);
  api::Service service({.model_name = name,
                        .model_digest = digest,
                        .provenance = provenance(),
                        .public_metrics = options.metrics_public},
                       {.engine = *engine,
                        .tee = *tee,
                        .receipts = *receipts,
                        .pool = pool,
                        .metrics = metrics,
                        .clock = clock},
                       *identity);
  TRY_ASSIGN(
      const auto server,
      net::Server::start({.address = listen.address,
                          .port = listen.port,
                          .certificate = identity->tls_certificate(),
                          .key = &identity->tls_key(),
                          .limits = {},
                          .make_error =
                              [&](int status, std::string_view text) {
                                return service.transport_error(status, text);
                              }},
                         [&](net::HttpRequest request, std::shared_ptr<net::Exchange> exchange) {
                           service.handle(std::move(request), std::move(exchange));
                         }));
  ops::log_info(fmt::format("model {} {} ({}, {})", name, digest, engine->info().description,
                            engine->build()));
  ops::log_info(fmt::format("keyset {}, valid until {}", identity->published()->digest,
                            to_rfc3339(identity->not_after())));
  ops::log_info(
      fmt::format("listening on https://{}:{}", net::url_host(listen.address), server->port()));

  const KeyTender tender(*identity);
  const int signal = ops::wait_for_termination();
  ops::log_info(fmt::format("signal {}: finishing what runs, for at most {} s", signal,
                            options.drain_seconds));
  server->drain(std::chrono::seconds{options.drain_seconds});
  // What still runs is cancelled, and its receipts are written, before anything they use goes.
  engine->stop();
  pool.stop();
  ops::log_info("stopped");
  return {};
}

}  // namespace

int serve(const ServeOptions& options, const std::vector<std::string>& arguments) {
  ops::start_logging(options.verbose ? ops::LogLevel::debug : ops::LogLevel::info);
  Status status = ops::harden_process();
  net::reserve_secure_memory();
  if (status) status = close_environment();
  if (status) status = run(options, arguments);
  if (status) return 0;
  ops::log_error(status.error().message);
  return status.error().code == Errc::unavailable ? 3 : 2;
}

}  // namespace confide::server
