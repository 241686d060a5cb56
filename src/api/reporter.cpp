#include "api/reporter.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.h"
#include "ops/log.h"

namespace confide::api {
namespace {

ApiError no_report(const Error& why) {
  ops::log_error(fmt::format("no attestation report: {}", why.message));
  return internal_error();
}

}  // namespace

Reporter::Reporter(attest::Tee& tee, aci::SourceProvenance provenance, const Clock& clock)
    : tee_(tee), provenance_(std::move(provenance)), clock_(clock) {}

// The table holds no more addresses than there are quotes in the budget.
bool Reporter::take_budget(const std::string& peer, Time now) {
  const std::lock_guard lock(budget_mutex_);
  const auto passed =
      static_cast<double>(std::max<std::int64_t>(0, to_unix(now) - to_unix(budget_at_)));
  if (now != budget_at_) given_.clear();
  budget_ = std::min(kBurst, budget_ + passed * kQuotesPerSecond);
  budget_at_ = now;
  if (budget_ < 1.0) return false;
  const auto given = given_.find(peer);
  if (budget_ <= kKept && given != given_.end() && given->second >= kLittle) return false;
  budget_ -= 1.0;
  ++given_[peer];
  return true;
}

Result<std::string> Reporter::make(const PublishedKeyset& keyset,
                                   const std::optional<std::string>& nonce) {
  const crypto::Sha256 report_data = aci::report_data(keyset.digest, nonce);
  const auto slot = aci::report_data_slot(report_data);
  TRY_ASSIGN(const attest::Evidence found, tee_.quote(slot));

  Json evidence = {{"quote", to_hex(found.quote)}, {"quote_report_data", to_hex(slot)}};
  evidence["event_log"] = json::compact(evidence::event_log_to_json(found.event_log));
  evidence["vm_config"] = found.vm_config.empty() ? Json(nullptr) : Json(found.vm_config);
  evidence["app_compose"] = found.app_compose.empty() ? Json(nullptr) : Json(found.app_compose);
  if (found.collateral) {
    evidence["collateral"] = evidence::tdx_collateral_to_json(*found.collateral);
  }
  if (tee_.simulated()) evidence["simulated"] = true;
  return aci::write_report({.tee_type = std::string(tee_.tee_type()),
                            .workload_keyset = keyset.keyset,
                            .workload_keyset_digest = keyset.digest,
                            .report_data = report_data,
                            .provenance = provenance_,
                            .evidence = std::move(evidence)});
}

ApiResult<std::string> Reporter::report(const PublishedKeyset& keyset,
                                        const std::optional<std::string>& nonce,
                                        const std::string& peer) {
  if (nonce && !aci::is_nonce(*nonce)) {
    return tl::unexpected(
        invalid_request("'nonce' must be 64 lower-case hexadecimal digits.", "nonce"));
  }
  const Time now = clock_.now();
  return nonce ? challenged(keyset, *nonce, peer, now) : unchallenged(keyset, now);
}

// One quote a minute and keyset at most, so it needs no budget; who comes meanwhile waits for that
// one.
ApiResult<std::string> Reporter::unchallenged(const PublishedKeyset& keyset, Time now) {
  const std::lock_guard lock(cache_mutex_);
  if (cached_digest_ == keyset.digest && now >= cached_at_ && now < cached_at_ + kCacheFor) {
    return cached_;
  }
  auto made = make(keyset, std::nullopt);
  if (!made) return tl::unexpected(no_report(made.error()));
  cached_ = *std::move(made);
  cached_digest_ = keyset.digest;
  cached_at_ = now;
  return cached_;
}

ApiResult<std::string> Reporter::challenged(const PublishedKeyset& keyset, const std::string& nonce,
                                            const std::string& peer, Time now) {
  if (!take_budget(peer, now)) {
    return tl::unexpected(
        too_many("Too many attestation reports are being asked for.", "rate_limit_exceeded"));
  }
  auto made = make(keyset, nonce);
  if (!made) return tl::unexpected(no_report(made.error()));
  return *std::move(made);
}

}  // namespace confide::api
