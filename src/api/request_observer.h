// What becomes of the facts of each request: metrics always; a line in the log, a trace and counts
// by key if the operator asks. docs/operations.md, "Watching".
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "api/request_watch.h"
#include "net/http.h"
#include "ops/metrics.h"

namespace confide::api {

// Where traces go. add() is quick, never waits, and drops what it has no room for.
class TraceSink {
 public:
  virtual ~TraceSink() = default;
  virtual void add(const RequestFacts& facts) noexcept = 0;
};

// All off: how many tokens somebody asked for is what padding hides from the network.
struct ObserverOptions {
  bool log_requests = false;
  bool log_addresses = false;  // among them
  bool metrics_by_key = false;
  std::shared_ptr<TraceSink> traces = nullptr;
};

// Thread-safe. The metrics outlive every watch.
class RequestObserver : public std::enable_shared_from_this<RequestObserver> {
 public:
  RequestObserver(ops::Metrics& metrics, ObserverOptions options);

  std::shared_ptr<RequestWatch> begin(const net::HttpRequest& request);
  // Where the gaps between the pieces of a model's answers are counted.
  ops::Histogram gaps(const std::string& model);

 private:
  // Looked up once: a request with an answer touches all of them.
  struct ModelSeries {
    ModelSeries(ops::Metrics& metrics, const std::string& model);
    ops::Histogram latency, first_token, queue, prefill, decode, per_token, gaps;
    ops::Counter prompt_tokens, generation_tokens, cache_queries, cache_hits;
  };
  ModelSeries& series(const std::string& model);
  void report(const RequestFacts& facts);
  void count(const RequestFacts& facts);
  void count_generation(const RequestFacts& facts);
  void count_for_key(const RequestFacts& facts);
  void log(const RequestFacts& facts) const;

  ops::Metrics& metrics_;
  const ObserverOptions options_;
  std::mutex mutex_;
  std::map<std::string, ModelSeries> series_;
};

// The parent of its trace, as the request says.
std::optional<TraceParent> trace_parent_of(const net::Headers& headers);

}  // namespace confide::api
