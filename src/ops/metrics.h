// Counters, gauges and histograms in Prometheus text format 0.0.4. Labels come from fixed lists in
// the code, never from a request.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace confide::ops {

// Thread-safe. A series is made on first use; `help` counts then. A name that Prometheus does not
// allow, or one name for two kinds, is our own fault and aborts.
class Metrics {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  Metrics();
  ~Metrics();
  void count(const std::string& name, const std::string& help, const Labels& labels,
             double by = 1.0) noexcept;
  void set(const std::string& name, const std::string& help, const Labels& labels,
           double value) noexcept;
  // Seconds into a histogram with buckets from 1 ms to 60 s.
  void observe_seconds(const std::string& name, const std::string& help, const Labels& labels,
                       double seconds) noexcept;
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace confide::ops
