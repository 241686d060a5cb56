#include "proxy/proxy.h"

#include <fmt/format.h>

#include <exception>
#include <utility>

#include "ops/log.h"
#include "proxy/page.h"

namespace confide::proxy {
namespace {

constexpr std::size_t kMaxQueued = 256;
constexpr std::string_view kModels = "/v1/models";

ProxyError local_error(int status, std::string code, std::string_view message) {
  return {.status = status, .message = std::string(message), .code = std::move(code)};
}

net::HttpResponse json_response(std::string body) {
  net::HttpResponse response;
  response.headers.set("Content-Type", "application/json");
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.body = std::move(body);
  return response;
}

}  // namespace

Proxy::Proxy(Routes routes, const ProxyOptions& options, History& history, const Clock& clock)
    : routes_(std::move(routes)),
      guard_(options.hosts),
      parts_{.history = history, .tally = tally_, .clock = clock},
      pool_(options.streams, kMaxQueued) {}

net::HttpResponse Proxy::transport_error(int status, std::string_view message,
                                         std::string_view path) {
  return error_response(local_error(status, "bad_request", message), dialect_of(path));
}

void Proxy::handle(net::HttpRequest request, std::shared_ptr<net::Exchange> exchange) {
  const Dialect dialect = dialect_of(request.path);
  const auto refuse = [&](int status, std::string code, std::string_view message) {
    exchange->respond(error_response(local_error(status, std::move(code), message), dialect));
  };
  if (const auto why = guard_.refusal(request)) return refuse(403, "forbidden", *why);
  const bool reading = request.method == "GET" || request.method == "HEAD";
  if (reading && request.path == "/") return exchange->respond(status_page());
  if (reading && request.path == kStatusPath) {
    return exchange->respond(json_response(json::compact(status())));
  }
  if (!request.path.starts_with("/v1/") || request.method == "OPTIONS") {
    return refuse(404, "not_found", "There is nothing at this path.");
  }
  if (reading && request.path == kModels && routes_.services().size() > 1) {
    return exchange->respond(json_response(routes_.model_list()));
  }
  auto held = std::make_shared<net::HttpRequest>(std::move(request));
  const bool queued = pool_.try_post([this, held, exchange] { serve(*held, exchange); });
  if (!queued) refuse(503, "busy", "confide: too many requests at once; try again.");
}

void Proxy::serve(net::HttpRequest& request, const std::shared_ptr<net::Exchange>& exchange) {
  const Dialect dialect = dialect_of(request.path);
  const auto service = routes_.choose(request);
  if (!service) return exchange->respond(error_response(service.error(), dialect));
  try {
    forward(parts_, **service, std::move(request), exchange);
  } catch (const std::exception&) {
    // Not what(): it may quote the request. The exchange is answered 500 when it is let go.
    ops::log_error("a request could not be handled");
  }
}

Json Proxy::status() const {
  Json services = Json::array();
  for (const Service& service : routes_.services()) {
    const auto attestation = service.channel->attestation();
    const aci::ParsedKeyset& keyset = attestation->service.keyset();
    services.push_back({{"url", service.url},
                        {"models", service.models},
                        {"verified_at", to_rfc3339(attestation->verified_at)},
                        {"appraisals", attestation->number},
                        {"simulated", attestation->service.simulated()},
                        {"keyset", keyset.digest},
                        {"not_after", to_rfc3339(keyset.keyset.not_after)},
                        {"model_digests", attestation->service.model_digests()}});
  }
  const Counts counts = tally_.counts();
  return {
      {"services", std::move(services)},
      {"requests",
       {{"total", counts.requests}, {"under_way", counts.under_way}, {"refused", counts.refused}}},
      {"receipts", {{"verified", counts.receipts_verified}, {"failed", counts.receipts_failed}}},
      {"recent", tally_.recent()}};
}

std::string Proxy::status_line() const {
  const Counts counts = tally_.counts();
  std::string line;
  for (const Service& service : routes_.services()) {
    const auto attestation = service.channel->attestation();
    if (!line.empty()) line += "; ";
    line += fmt::format(
        "{}verified since {}, keyset {}", attestation->service.simulated() ? "SIMULATED, " : "",
        to_rfc3339(attestation->verified_at), attestation->service.keyset().digest.substr(0, 15));
  }
  line += fmt::format("; {} requests", counts.requests);
  if (counts.refused != 0) line += fmt::format(" ({} refused)", counts.refused);
  line += fmt::format(", {} receipts checked", counts.receipts_verified + counts.receipts_failed);
  if (counts.receipts_failed != 0) line += fmt::format(", {} FAILED", counts.receipts_failed);
  return line;
}

}  // namespace confide::proxy
