#include "ops/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace confide::ops {
namespace {

prometheus::Labels to_prometheus(const Metrics::Labels& labels) {
  return {labels.begin(), labels.end()};
}

const prometheus::Histogram::BucketBoundaries& boundaries(Buckets buckets) {
  static const prometheus::Histogram::BucketBoundaries token{
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5};
  static const prometheus::Histogram::BucketBoundaries request{
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,   0.25,  0.5,  1.0,
      2.5,   5.0,    10.0,  20.0, 40.0,  60.0, 120.0, 300.0, 600.0};
  return buckets == Buckets::token ? token : request;
}

}  // namespace

// The registry merges: asking for a family it has gives that one back.
struct Metrics::Impl {
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::count(const std::string& name, const std::string& help, const Labels& labels,
                    double by) noexcept {
  counter(name, help, labels).add(by);
}

Counter Metrics::counter(const std::string& name, const std::string& help,
                         const Labels& labels) noexcept {
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry);
  return Counter(family.Add(to_prometheus(labels)));
}

void Counter::add(double by) noexcept { series_->Increment(by); }

void Metrics::set(const std::string& name, const std::string& help, const Labels& labels,
                  double value) noexcept {
  auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry);
  family.Add(to_prometheus(labels)).Set(value);
}

Histogram Metrics::histogram(const std::string& name, const std::string& help, const Labels& labels,
                             Buckets buckets) noexcept {
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
  return Histogram(family.Add(to_prometheus(labels), boundaries(buckets)));
}

void Histogram::observe(double seconds) noexcept { series_->Observe(seconds); }

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace confide::ops
