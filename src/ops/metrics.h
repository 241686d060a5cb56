// Counters and gauges in Prometheus text format 0.0.4. Labels come from fixed lists in the code,
// never from a request.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace confide::ops {

class Metrics {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  Metrics();
  ~Metrics();
  // Thread-safe. The counter is made on first use; `help` counts then.
  void count(const std::string& name, const std::string& help, const Labels& labels,
             double by = 1.0);
  void set(const std::string& name, const std::string& help, const Labels& labels, double value);
  // Seconds into a histogram with buckets from 1 ms to 60 s.
  void observe_seconds(const std::string& name, const std::string& help, const Labels& labels,
                       double seconds);
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace confide::ops
