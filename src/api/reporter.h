// Answers GET /v1/aci/attestation. Contract 1.3 and 2.3.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "aci/report.h"
#include "api/errors.h"
#include "api/identity.h"
#include "attest/tee.h"
#include "base/clock.h"

namespace confide::api {

// Thread-safe. Quotes are slow and serialised in hardware, and anybody may ask: nonces share a
// budget, and the form without a nonce is answered from a cache.
class Reporter {
 public:
  Reporter(attest::Tee& tee, const Identity& identity, aci::SourceProvenance provenance,
           const Clock& clock);

  // `nonce` absent: the unchallenged form. Fails with 400 on a nonce of another shape, 429 over the
  // budget, 500 if the TEE gives no quote.
  ApiResult<std::string> report(const std::optional<std::string>& nonce);

 private:
  static constexpr double kQuotesPerSecond = 25.0;
  static constexpr double kBurst = 50.0;
  static constexpr std::chrono::seconds kCacheFor{60};

  Result<std::string> make(const std::optional<std::string>& nonce);
  bool take_budget(Time now);

  attest::Tee& tee_;
  const Json keyset_;
  const std::string digest_;
  const aci::SourceProvenance provenance_;
  const Clock& clock_;

  std::mutex mutex_;
  double budget_ = kBurst;
  Time budget_at_{};
  std::string cached_;
  Time cached_at_{};
};

}  // namespace confide::api
