#include "verify/gpu_ocsp.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "crypto/ocsp.h"

namespace confide::verify {
namespace {

using crypto::Certificate;
using crypto::OcspAnswer;

RevocationFinding finding(std::string name, Errc code, std::string rule_and_reason,
                          const Certificate& subject) {
  return {.finding = std::move(name),
          .error = {code, fmt::format("{}: {}", rule_and_reason, subject.common_name())}};
}

// G21 and G22. Nothing if the answer says that `subject` is good now.
std::optional<RevocationFinding> judge_answer(const OcspAnswer& answer, const Certificate& subject,
                                              const GpuPolicy& policy, Time at) {
  // Revoked is revoked, however old the news is; on hold counts as revoked.
  if (answer.status == OcspAnswer::Status::revoked) {
    return finding("ocsp_revoked", Errc::untrusted, "G21: revoked", subject);
  }
  if (answer.status != OcspAnswer::Status::good) {
    return finding("ocsp_unknown", Errc::untrusted, "G21: unknown to the responder", subject);
  }
  if (at < answer.this_update) {
    return finding("ocsp_future", Errc::expired, "G22: an answer from the future", subject);
  }
  if (!answer.next_update || at > *answer.next_update + policy.ocsp_grace) {
    return finding("ocsp_expired", Errc::expired, "G22: an answer that is too old", subject);
  }
  return std::nullopt;
}

std::optional<RevocationFinding> judge_certificate(const Certificate& subject,
                                                   const Certificate& issuer,
                                                   std::span<const Bytes> answers,
                                                   const GpuPolicy& policy, Time at) {
  std::optional<RevocationFinding> worst;
  bool is_good = false;
  for (const Bytes& der : answers) {
    const auto answer = crypto::verify_ocsp(der, subject, issuer, at);
    if (!answer && answer.error().code == Errc::not_found) continue;  // about another certificate
    auto found = answer ? judge_answer(*answer, subject, policy, at)
                        : finding("ocsp_invalid", answer.error().code,
                                  "G23: " + answer.error().message, subject);
    if (!found) {
      is_good = true;
    } else if (!worst || found->finding == "ocsp_revoked") {
      worst = std::move(found);
    }
  }
  // A current answer replaces a stale one, but nothing takes a revocation back.
  if (is_good && worst && worst->finding != "ocsp_revoked") worst.reset();
  if (is_good || worst) return worst;
  return finding("ocsp_missing", Errc::unavailable, "G20: no answer", subject);
}

}  // namespace

std::vector<RevocationFinding> judge_revocation(std::span<const Certificate> path,
                                                std::size_t first, std::span<const Bytes> answers,
                                                const GpuPolicy& policy, Time at) {
  std::vector<RevocationFinding> out;
  for (std::size_t i = first; i + 1 < path.size(); ++i) {
    auto found = judge_certificate(path[i], path[i + 1], answers, policy, at);
    if (found) out.push_back(*std::move(found));
  }
  return out;
}

}  // namespace confide::verify
