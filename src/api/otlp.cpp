#include "api/otlp.h"

#include <exception>
#include <utility>

#include <fmt/format.h>

#include "crypto/random.h"
#include "ops/log.h"
#include "ops/version.h"

namespace confide::api {
namespace {

constexpr std::size_t kMaxQueued = 4096;  // some 2 MB
constexpr std::size_t kBatch = 256;
constexpr std::chrono::seconds kBatchTime{1};
constexpr net::ClientLimits kLimits{.connect_timeout = std::chrono::seconds{2},
                                    .idle_timeout = std::chrono::seconds{5},
                                    .answer_timeout = std::chrono::seconds{5},
                                    .max_body_bytes = std::size_t{1} << 20U};
// Values of enumerations in opentelemetry/proto/trace/v1/trace.proto.
constexpr int kServerSpan = 2;
constexpr int kInternalSpan = 1;
constexpr int kStatusError = 2;

std::string random_hex(std::size_t bytes) { return to_hex(crypto::random_bytes(bytes)); }

Json text(std::string_view key, std::string_view value) {
  return {{"key", key}, {"value", {{"stringValue", value}}}};
}
// Integers of 64 bits are strings in this JSON.
Json number(std::string_view key, std::int64_t value) {
  return {{"key", key}, {"value", {{"intValue", std::to_string(value)}}}};
}
Json boolean(std::string_view key, bool value) {
  return {{"key", key}, {"value", {{"boolValue", value}}}};
}

std::string unix_nanos(SteadyTime at, std::chrono::nanoseconds unix_offset) {
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch());
  return std::to_string((since + unix_offset).count());
}

Json attributes_of(const RequestFacts& facts) {
  Json out = Json::array(
      {text("http.route", facts.route), number("http.response.status_code", facts.status),
       text("confide.request.id", facts.id), boolean("confide.sealed", facts.sealed),
       boolean("confide.complete", facts.complete)});
  if (!facts.finish) return out;
  out.push_back(text("gen_ai.request.model", facts.model));
  out.push_back(text("gen_ai.response.finish_reason", to_string(*facts.finish)));
  out.push_back(number("gen_ai.usage.input_tokens", facts.usage.prompt_tokens));
  out.push_back(number("gen_ai.usage.cached_tokens", facts.usage.cached_tokens));
  out.push_back(number("gen_ai.usage.output_tokens", facts.usage.completion_tokens));
  return out;
}

std::chrono::nanoseconds offset_now() {
  return std::chrono::system_clock::now().time_since_epoch() -
         std::chrono::steady_clock::now().time_since_epoch();
}

// What watches the service is not what is watched.
bool is_probe(std::string_view route) {
  return route == "/health" || route == "/ready" || route == "/metrics" || route == "/v1/metrics";
}

}  // namespace

Json otlp_spans(const RequestFacts& facts, std::chrono::nanoseconds unix_offset) {
  const std::string trace = facts.parent ? facts.parent->trace_id : random_hex(16);
  const std::string root = random_hex(8);
  const auto span = [&](std::string_view name, const std::string& id, int kind, SteadyTime from,
                        SteadyTime to) {
    return Json{{"traceId", trace},
                {"spanId", id},
                {"name", name},
                {"kind", kind},
                {"startTimeUnixNano", unix_nanos(from, unix_offset)},
                {"endTimeUnixNano", unix_nanos(to, unix_offset)}};
  };
  Json request = span("request", root, kServerSpan, facts.received, facts.over);
  if (facts.parent) request["parentSpanId"] = facts.parent->span_id;
  request["attributes"] = attributes_of(facts);
  if (facts.status >= 500) request["status"] = {{"code", kStatusError}};
  Json out = Json::array({std::move(request)});
  const auto add = [&](std::string_view name, const RequestFacts::Moment& from,
                       const RequestFacts::Moment& to) {
    if (!from) return;
    Json child = span(name, random_hex(8), kInternalSpan, *from, to.value_or(facts.over));
    child["parentSpanId"] = root;
    out.push_back(std::move(child));
  };
  add("queue", facts.submitted, facts.started);
  add("prefill", facts.started, facts.first_text);
  add("decode", facts.first_text, facts.last_text);
  return out;
}

Json otlp_request(Json spans) {
  const Json resource = {{"attributes", Json::array({text("service.name", "confide-server"),
                                                     text("service.version", ops::version())})}};
  const Json scope = {{"scope", {{"name", "confide"}}}, {"spans", std::move(spans)}};
  return {{"resourceSpans",
           Json::array({Json{{"resource", resource}, {"scopeSpans", Json::array({scope})}}})}};
}

OtlpExporter::OtlpExporter(Collector collector, ops::Metrics& metrics)
    : collector_(std::move(collector)),
      metrics_(metrics),
      unix_offset_(offset_now()),
      thread_([this] { run(); }) {}

OtlpExporter::~OtlpExporter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void OtlpExporter::add(const RequestFacts& facts) noexcept {
  // The caller's word on whether its trace is wanted.
  if (is_probe(facts.route) || (facts.parent && !facts.parent->sampled)) return;
  bool full = false;
  bool enough = false;
  try {
    const std::lock_guard lock(mutex_);
    full = queue_.size() >= kMaxQueued;
    if (!full) queue_.push_back(facts);
    enough = queue_.size() >= kBatch;
  } catch (const std::exception&) {
    full = true;  // of memory
  }
  if (full) count("dropped", 1);
  if (enough) wake_.notify_one();
}

void OtlpExporter::run() {
  while (true) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, kBatchTime, [this] { return stopping_ || queue_.size() >= kBatch; });
    const bool last = stopping_;
    const auto batch = std::exchange(queue_, {});
    lock.unlock();
    if (!batch.empty()) send(batch);
    if (last) return;
  }
}

void OtlpExporter::send(const std::deque<RequestFacts>& batch) {
  Json spans = Json::array();
  for (const RequestFacts& facts : batch) {
    for (Json& span : otlp_spans(facts, unix_offset_)) spans.push_back(std::move(span));
  }
  const auto posted = post(json::compact(otlp_request(std::move(spans))));
  count(posted ? "sent" : "failed", batch.size());
  if (posted) return;
  connection_.reset();
  ops::log(ops::LogLevel::debug, fmt::format("traces not sent: {}", posted.error().message));
}

Status OtlpExporter::post(const std::string& body) {
  if (connection_ == nullptr || !connection_->is_open()) {
    TRY_ASSIGN(connection_, net::Connection::open(collector_.url, collector_.pin, kLimits));
  }
  net::HttpRequest request;
  request.method = "POST";
  request.path = "/v1/traces";
  request.headers.set("Content-Type", "application/json");
  request.body = body;
  TRY_ASSIGN(const net::HttpResponse answer, connection_->send(request));
  if (answer.status / 100 == 2) return {};
  return fail(Errc::unavailable, fmt::format("the collector answers {}", answer.status));
}

void OtlpExporter::count(const char* outcome, std::size_t traces) {
  metrics_.count("confide_traces_total", "Traces of requests, by what became of them.",
                 {{"outcome", outcome}}, static_cast<double>(traces));
}

}  // namespace confide::api
