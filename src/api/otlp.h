// Sends traces to an OpenTelemetry collector: OTLP 1.x over HTTP, as JSON.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "api/request_observer.h"
#include "base/json.h"
#include "net/client.h"
#include "ops/metrics.h"

namespace confide::api {

struct Collector {
  net::Url url;                    // traces go to its /v1/traces
  std::optional<std::string> pin;  // of its TLS key, as for net::Connection
};

// The spans of one request: itself, and under it queue, prefill and decode, as far as it got.
// `unix_offset`: from a steady moment to the time since 1970. Nothing in them but numbers, moments
// and names of ours.
Json otlp_spans(const RequestFacts& facts, std::chrono::nanoseconds unix_offset);
// One ExportTraceServiceRequest.
Json otlp_request(Json spans);

// Sends what add() is given, in batches and on a thread of its own. What finds the queue full, or
// the collector gone, is dropped and counted: confide_traces_total{outcome}.
class OtlpExporter final : public TraceSink {
 public:
  // `metrics` outlives the exporter.
  OtlpExporter(Collector collector, ops::Metrics& metrics);
  // Tries once to send what is queued.
  ~OtlpExporter() override;
  OtlpExporter(const OtlpExporter&) = delete;
  OtlpExporter& operator=(const OtlpExporter&) = delete;

  void add(const RequestFacts& facts) noexcept override;

 private:
  void run();
  void send(const std::deque<RequestFacts>& batch);
  Status post(const std::string& body);
  void count(const char* outcome, std::size_t traces);

  const Collector collector_;
  ops::Metrics& metrics_;
  const std::chrono::nanoseconds unix_offset_;
  std::unique_ptr<net::Connection> connection_;  // the thread's own
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<RequestFacts> queue_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace confide::api
