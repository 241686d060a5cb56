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

std::string_view finish_name(engine::Finish finish) {
  switch (finish) {
    case engine::Finish::stop:
      return "stop";
    case engine::Finish::length:
      return "length";
    case engine::Finish::cancelled:
      return "cancelled";
    case engine::Finish::expired:
      return "expired";
    case engine::Finish::error:
      return "error";
  }
  return "error";
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

ops::Histogram RequestObserver::gaps(const std::string& model) {
  return metrics_.histogram("confide_inter_token_latency_seconds",
                            "Between two pieces of an answer's text.", {{"model", model}},
                            ops::Buckets::token);
}

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
  const ops::Metrics::Labels labels{{"model", facts.model}};
  const auto observe = [&](const char* name, const char* help, SteadyTime from,
                           const RequestFacts::Moment& to) {
    if (!to) return;
    metrics_.histogram(name, help, labels, ops::Buckets::request).observe(seconds(from, *to));
  };
  observe("confide_e2e_request_latency_seconds", "From the request to the end of its answer.",
          facts.received, facts.over);
  observe("confide_time_to_first_token_seconds", "From the request to the first text.",
          facts.received, facts.first_text);
  if (facts.submitted) {
    observe("confide_request_queue_time_seconds", "Waiting for a slot.", *facts.submitted,
            facts.started);
  }
  if (facts.started) {
    observe("confide_request_prefill_time_seconds", "From the slot to the first text.",
            *facts.started, facts.first_text);
  }
  if (facts.first_text) {
    observe("confide_request_decode_time_seconds", "From the first text to the last.",
            *facts.first_text, facts.last_text);
    if (facts.usage.completion_tokens > 1) {
      metrics_
          .histogram("confide_time_per_output_token_seconds",
                     "Mean over an answer, but for its first token.", labels, ops::Buckets::token)
          .observe(seconds(*facts.first_text, *facts.last_text) /
                   (facts.usage.completion_tokens - 1));
    }
  }
  metrics_.count("confide_prompt_tokens_total", "Tokens of prompts, cached ones included.", labels,
                 facts.usage.prompt_tokens);
  metrics_.count("confide_generation_tokens_total", "Tokens generated.", labels,
                 facts.usage.completion_tokens);
  metrics_.count("confide_prefix_cache_queries_total", "Tokens of prompts looked for in the cache.",
                 labels, facts.usage.prompt_tokens);
  metrics_.count("confide_prefix_cache_hits_total", "Of these, those found.", labels,
                 facts.usage.cached_tokens);
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
    fields["finish"] = finish_name(*facts.finish);
    fields["prompt_tokens"] = facts.usage.prompt_tokens;
    fields["cached_tokens"] = facts.usage.cached_tokens;
    fields["completion_tokens"] = facts.usage.completion_tokens;
    fields["first_token_seconds"] = rounded_seconds(facts.received, facts.first_text);
  }
  ops::log(ops::LogLevel::info, "request", fields);
}

}  // namespace confide::api
