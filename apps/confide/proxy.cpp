#include "proxy/proxy.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "commands.h"
#include "finder.h"
#include "inputs.h"
#include "net/server.h"
#include "ops/log.h"
#include "ops/shutdown.h"
#include "output.h"

namespace confide::app {
namespace {

constexpr std::chrono::seconds kDrain{10};

Result<net::Endpoint> parse_listen(std::string_view text) {
  auto listen = net::parse_endpoint(text);
  if (!listen) {
    return fail(Errc::malformed, "--listen takes ADDRESS:PORT, such as 127.0.0.1:4000");
  }
  if (listen->address == "localhost") listen->address = "127.0.0.1";
  return listen;
}

// Whoever reaches it uses it: it has no password, and what comes to it comes in clear.
Status check_reach(const ProxyArguments& arguments, const net::Endpoint& listen) {
  if (proxy::is_loopback(listen.address) || arguments.allow_remote) return {};
  return fail(Errc::policy,
              "--listen names an address that others can reach, over which prompts "
              "would travel in clear; --allow-remote does it all the same, and --allow-host names "
              "what clients then have in their Host header");
}

// URL, or MODEL=URL.
Result<proxy::ServiceOptions> parse_service(const std::string& text) {
  proxy::ServiceOptions service;
  const std::size_t scheme = text.find("https://");
  const bool named = scheme != std::string::npos && scheme > 1 && text[scheme - 1] == '=';
  if (named) service.model = text.substr(0, scheme - 1);
  service.sealed.target.url = named ? text.substr(scheme) : text;
  TRY(net::parse_url(service.sealed.target.url));
  return service;
}

Result<std::vector<proxy::ServiceOptions>> load_services(const ProxyArguments& arguments) {
  client::Target target;
  TRY_ASSIGN(target.policy, load_policy(arguments.trust));
  for (const std::string& file : arguments.require_files) {
    TRY_ASSIGN(auto policy, load_policy({.policy_file = file, .trust_root_files = {}}));
    target.further_policies.push_back(std::move(policy));
  }
  target.find_collateral = live_collateral(arguments.fetch, /*quiet=*/true);
  TRY_ASSIGN(const seal::Padding padding, seal::parse_padding(arguments.padding));
  std::vector<proxy::ServiceOptions> services;
  for (const std::string& text : arguments.services) {
    TRY_ASSIGN(proxy::ServiceOptions service, parse_service(text));
    target.url = service.sealed.target.url;
    service.sealed.target = target;
    service.sealed.padding = padding;
    services.push_back(std::move(service));
  }
  return services;
}

// Redraws one line on a terminal; elsewhere the log says enough.
class StatusLine {
 public:
  explicit StatusLine(const proxy::Proxy& proxy) {
    if (::isatty(STDERR_FILENO) == 0) return;
    thread_ = std::jthread([this, &proxy](const std::stop_token& stop) { run(proxy, stop); });
  }

 private:
  void run(const proxy::Proxy& proxy, const std::stop_token& stop) {
    std::string shown;
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      std::string line = proxy.status_line();
      if (const std::size_t width = stderr_style().width; width > 1)
        line.resize(std::min(line.size(), width - 1));
      if (line != shown) show("\r\x1b[K" + client::printable(line));
      shown = std::move(line);
      wake_.wait_for(lock, stop, std::chrono::seconds{1}, [] { return false; });
    }
    show("\n");
  }

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

int not_attested(const ProxyArguments& arguments, const Error& error,
                 const verify::Verdict& verdict) {
  show_findings(verdict, &error, hint_for(arguments.trust, error, verdict));
  if (verdict.first_failure() != nullptr) say("confide: " + error.message);
  say("Nothing was sent, and the proxy does not listen.");
  return exit_code(error, verdict);
}

Status serve(const ProxyArguments& arguments, const net::Endpoint& listen, proxy::Routes routes,
             proxy::History& history) {
  const SystemClock clock;
  proxy::ProxyOptions options{.hosts = arguments.hosts, .streams = arguments.streams};
  options.hosts.push_back(listen.address);
  proxy::Proxy endpoint(std::move(routes), options, history, clock);
  net::ServerOptions listening;
  listening.address = listen.address;
  listening.port = listen.port;
  listening.plain = true;
  listening.make_error = &proxy::Proxy::transport_error;
  TRY_ASSIGN(const auto server,
             net::Server::start(std::move(listening), [&](net::HttpRequest request,
                                                          std::shared_ptr<net::Exchange> exchange) {
               endpoint.handle(std::move(request), std::move(exchange));
             }));
  say(fmt::format("listening on http://{}:{}; clients take that and /v1 as their base URL",
                  net::url_host(listen.address), server->port()));
  {
    const StatusLine line(endpoint);
    ops::wait_for_termination();
  }
  say("stopping; a second signal stops at once");
  server->drain(kDrain);
  endpoint.stop();
  return {};
}

}  // namespace

int run_proxy(const ProxyArguments& arguments) {
  const auto listen = parse_listen(arguments.listen);
  if (!listen) return unusable(listen.error(), /*json=*/false);
  const Status reach = check_reach(arguments, *listen);
  if (!reach) return unusable(reach.error(), /*json=*/false);
  const auto services = load_services(arguments);
  if (!services) return unusable(services.error(), /*json=*/false);
  const auto folder = state_folder(arguments.state);
  if (!folder) return unusable(folder.error(), /*json=*/false);
  const auto history = proxy::History::open(*folder, arguments.history_most);
  if (!history) return give_up(history.error(), /*json=*/false);

  ops::start_logging(ops::LogLevel::warning);
  for (const auto& service : *services) say("Verifying " + service.sealed.target.url);
  verify::Verdict verdict;
  auto routes = proxy::Routes::open(*services, verdict);
  if (!routes) return not_attested(arguments, routes.error(), verdict);
  show_findings(verdict, nullptr, "");
  // Until here a signal ends the process, which has nothing to finish; the threads begin now.
  ops::catch_termination();
  const Status served = serve(arguments, *listen, *std::move(routes), **history);
  if (served) return kExitVerified;
  say("confide: " + served.error().message);
  return kExitUnavailable;
}

}  // namespace confide::app
