// Counters, gauges and histograms in Prometheus text format 0.0.4. Labels come from fixed lists in
// the code or from what the operator named, never from a request.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace prometheus {
class Counter;
class Histogram;
}  // namespace prometheus

namespace confide::ops {

// Where the buckets of a histogram of seconds lie.
enum class Buckets {
  token,    // 1 ms to 2.5 s: what happens once a token
  request,  // 1 ms to 10 min: what happens once a request
};

// One series, for what changes too often to look it up each time. Valid as long as its Metrics.
class Histogram {
 public:
  explicit Histogram(prometheus::Histogram& series) : series_(&series) {}
  void observe(double seconds) noexcept;

 private:
  prometheus::Histogram* series_;
};

class Counter {
 public:
  explicit Counter(prometheus::Counter& series) : series_(&series) {}
  void add(double by) noexcept;

 private:
  prometheus::Counter* series_;
};

// Thread-safe. A series is made on first use; `help` counts then. A name that Prometheus does not
// allow, or one name for two kinds, is our own fault and aborts.
class Metrics {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  Metrics();
  ~Metrics();
  void count(const std::string& name, const std::string& help, const Labels& labels,
             double by = 1.0) noexcept;
  Counter counter(const std::string& name, const std::string& help, const Labels& labels) noexcept;
  void set(const std::string& name, const std::string& help, const Labels& labels,
           double value) noexcept;
  Histogram histogram(const std::string& name, const std::string& help, const Labels& labels,
                      Buckets buckets) noexcept;
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace confide::ops
