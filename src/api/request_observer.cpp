#include "api/request_observer.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "crypto/random.h"
#include "ops/log.h"

namespace confide::api {
namespace {

constexpr std::size_t kIdBytes = 12;

double seconds(SteadyTime from, SteadyTime to) {
  return std::chrono::duration<double>(to - from).count();
}

void observe(ops::Histogram& series, const RequestFacts::Moment& from,
             const RequestFacts::Moment& to) {
  if (from && to) series.observe(seconds(*from, *to));
}

ops::Histogram request_seconds(ops::Metrics& metrics, const std::string& model,
                               std::string_view name, const std::string& help) {
  return metrics.histogram(fmt::format("confide_{}_seconds", name), help, {{"model", model}},
                           ops::Buckets::request);
}
ops::Histogram token_seconds(ops::Metrics& metrics, const std::string& model, std::string_view name,
                             const std::string& help) {
  return metrics.histogram(fmt::format("confide_{}_seconds", name), help, {{"model", model}},
                           ops::Buckets::token);
}
ops::Counter tokens(ops::Metrics& metrics, const std::string& model, std::string_view name,
                    const std::string& help) {
  return metrics.counter(fmt::format("confide_{}_total", name), help, {{"model", model}});
}

Json rounded_seconds(SteadyTime from, const RequestFacts::Moment& to) {
  if (!to) return nullptr;
  return static_cast<double>(
             std::chrono::duration_cast<std::chrono::microseconds>(*to - from).count()) /
         1e6;
}

// One of a fixed list; nothing if the request was answered as it wanted.
std::string_view error_type(const RequestFacts& facts) {
  if (facts.finish == engine::Finish::expired) return "expired";
  if (facts.finish == engine::Finish::error) return "internal";
  if (!facts.complete) return "cancelled";
  switch (facts.status) {
    case 401:
      return "authentication";
    case 403:
      return "permission";
    case 404:
      return "not_found";
    case 429:
      return "rate_limit";
    case 503:
      return "overloaded";
    default:
      return facts.status >= 500 ? "internal" : facts.status >= 400 ? "invalid_request" : "";
  }
}

}  // namespace

std::optional<TraceParent> trace_parent_of(const net::Headers& headers) {
  const auto header = headers.get("traceparent");
  return header ? parse_trace_parent(*header) : std::nullopt;
}

RequestObserver::RequestObserver(ops::Metrics& metrics, ObserverOptions options)
    : metrics_(metrics), options_(std::move(options)) {}

std::shared_ptr<RequestWatch> RequestObserver::begin(const net::HttpRequest& request) {
  RequestFacts facts;
  facts.id = "req-" + to_hex(crypto::random_bytes(kIdBytes));
  facts.route = "other";
  if (options_.log_addresses) facts.peer = request.peer;
  if (options_.traces) facts.parent = trace_parent_of(request.headers);
  return std::make_shared<RequestWatch>(
      std::move(facts),
      [self = shared_from_this()](const RequestFacts& done) { self->report(done); });
}

RequestObserver::ModelSeries::ModelSeries(ops::Metrics& metrics, const std::string& model)
    : latency(request_seconds(metrics, model, "e2e_request_latency",
                              "From the request to the end of its answer.")),
      first_token(request_seconds(metrics, model, "time_to_first_token",
                                  "From the request to the first text.")),
      queue(request_seconds(metrics, model, "request_queue_time", "Waiting for a slot.")),
      prefill(request_seconds(metrics, model, "request_prefill_time",
                              "From the slot to the first text.")),
      decode(request_seconds(metrics, model, "request_decode_time",
                             "From the first text to the last.")),
      per_token(token_seconds(metrics, model, "time_per_output_token",
                              "Mean over an answer, but for its first token.")),
      gaps(token_seconds(metrics, model, "inter_token_latency",
                         "Between two pieces of an answer's text.")),
      prompt_tokens(
          tokens(metrics, model, "prompt_tokens", "Tokens of prompts, cached ones included.")),
      generation_tokens(tokens(metrics, model, "generation_tokens", "Tokens generated.")),
      cache_queries(tokens(metrics, model, "prefix_cache_queries",
                           "Tokens of prompts looked for in the cache.")),
      cache_hits(tokens(metrics, model, "prefix_cache_hits", "Of these, those found.")) {}

RequestObserver::ModelSeries& RequestObserver::series(const std::string& model) {
  const std::lock_guard lock(mutex_);
  return series_.try_emplace(model, metrics_, model).first->second;
}

ops::Histogram RequestObserver::gaps(const std::string& model) { return series(model).gaps; }

void RequestObserver::report(const RequestFacts& facts) {
  count(facts);
  if (facts.finish) count_generation(facts);
  if (options_.metrics_by_key && !facts.key.empty()) count_for_key(facts);
  if (options_.log_requests) log(facts);
  if (options_.traces) options_.traces->add(facts);
}

void RequestObserver::count(const RequestFacts& facts) {
  metrics_.count("confide_requests_total", "Requests, by route and status.",
                 {{"route", std::string(facts.route)}, {"status", std::to_string(facts.status)}});
  if (const auto type = error_type(facts); !type.empty()) {
    metrics_.count("confide_request_errors_total", "Requests that did not get what they asked for.",
                   {{"type", std::string(type)}});
  }
}

void RequestObserver::count_generation(const RequestFacts& facts) {
  ModelSeries& to = series(facts.model);
  observe(to.latency, facts.received, facts.over);
  observe(to.first_token, facts.received, facts.first_text);
  observe(to.queue, facts.submitted, facts.started);
  observe(to.prefill, facts.started, facts.first_text);
  observe(to.decode, facts.first_text, facts.last_text);
  if (facts.first_text && facts.usage.completion_tokens > 1) {
    to.per_token.observe(seconds(*facts.first_text, *facts.last_text) /
                         (facts.usage.completion_tokens - 1));
  }
  to.prompt_tokens.add(facts.usage.prompt_tokens);
  to.generation_tokens.add(facts.usage.completion_tokens);
  // Looked for with the slot.
  if (facts.started) to.cache_queries.add(facts.usage.prompt_tokens);
  to.cache_hits.add(facts.usage.cached_tokens);
}

void RequestObserver::count_for_key(const RequestFacts& facts) {
  metrics_.count("confide_key_requests_total", "Requests, by API key.", {{"key", facts.key}});
  metrics_.count("confide_key_tokens_total", "Tokens of prompts and answers, by API key.",
                 {{"key", facts.key}}, facts.usage.prompt_tokens + facts.usage.completion_tokens);
}

void RequestObserver::log(const RequestFacts& facts) const {
  Json fields = {
      {"request", facts.id},    {"route", facts.route},
      {"status", facts.status}, {"complete", facts.complete},
      {"sealed", facts.sealed}, {"seconds", rounded_seconds(facts.received, facts.over)}};
  if (!facts.key.empty()) fields["key"] = facts.key;
  if (options_.log_addresses) fields["address"] = facts.peer;
  if (facts.finish) {
    fields["model"] = facts.model;
    fields["finish"] = to_string(*facts.finish);
    fields["prompt_tokens"] = facts.usage.prompt_tokens;
    fields["cached_tokens"] = facts.usage.cached_tokens;
    fields["completion_tokens"] = facts.usage.completion_tokens;
    fields["first_token_seconds"] = rounded_seconds(facts.received, facts.first_text);
  }
  ops::log(ops::LogLevel::info, "request", fields);
}

}  // namespace confide::api
