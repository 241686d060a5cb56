// Answers GET /v1/aci/attestation. Contract 1.3 and 2.3.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "aci/report.h"
#include "api/errors.h"
#include "api/identity.h"
#include "attest/tee.h"
#include "base/clock.h"

namespace confide::api {

// Thread-safe. Quotes are slow and serialised in hardware, and anybody may ask: nonces share a
// budget, half of it kept for addresses that have asked little, and the form without a nonce is
// answered from a cache.
class Reporter {
 public:
  Reporter(attest::Tee& tee, aci::SourceProvenance provenance, const Clock& clock);

  // About `keyset`. `nonce` absent: the unchallenged form. `peer` is the address that asks. Fails
  // with 400 on a nonce of another shape, 429 over the budget, 500 if the TEE gives no quote.
  ApiResult<std::string> report(const PublishedKeyset& keyset,
                                const std::optional<std::string>& nonce, const std::string& peer);

 private:
  static constexpr double kQuotesPerSecond = 25.0;
  static constexpr double kBurst = 50.0;
  static constexpr double kKept = 25.0;  // of the burst, for those who asked little
  static constexpr int kLittle = 2;      // quotes a second
  static constexpr std::chrono::seconds kCacheFor{60};

  Result<std::string> make(const PublishedKeyset& keyset, const std::optional<std::string>& nonce);
  ApiResult<std::string> unchallenged(const PublishedKeyset& keyset, Time now);
  ApiResult<std::string> challenged(const PublishedKeyset& keyset, const std::string& nonce,
                                    const std::string& peer, Time now);
  bool take_budget(const std::string& peer, Time now);

  attest::Tee& tee_;
  const aci::SourceProvenance provenance_;
  const Clock& clock_;

  std::mutex budget_mutex_;
  double budget_ = kBurst;
  Time budget_at_{};
  std::unordered_map<std::string, int> given_;  // quotes this second, by address

  std::mutex cache_mutex_;
  std::string cached_;
  std::string cached_digest_;  // of the keyset it is about
  Time cached_at_{};
};

}  // namespace confide::api
