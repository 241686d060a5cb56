#include "verify/claims.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace confide::verify {
namespace {

// Checks that say whether a genuine machine is good enough, not whether it is one.
constexpr std::array<std::string_view, 4> kAppraisals{"tdx.tcb.status", "tdx.tcb.advisories",
                                                      "snp.tcb.floor", "snp.values"};
// Checks that fail where the vendor's word is missing: then nothing is refuted.
constexpr std::array<std::string_view, 2> kEndorsements{"tdx.collateral", "snp.certificates"};
// Firmware, kernel, and what the kernel starts with: less than these is no operating system.
constexpr std::array<std::string_view, 3> kOsRegisters{"mr_td", "rtmr1", "rtmr2"};

bool is_one_of(std::span<const std::string_view> ids, const Check& check) {
  return std::ranges::find(ids, check.id) != ids.end();
}

const Check* find_check(const Verdict& verdict, std::string_view id) {
  const auto at = std::ranges::find(verdict.checks(), id, &Check::id);
  return at == verdict.checks().end() ? nullptr : &*at;
}

Claim asserted(ClaimSource source, std::string reason) {
  return {.status = ClaimStatus::asserted, .source = source, .reason = std::move(reason)};
}

Claim refuted(std::string reason) {
  return {.status = ClaimStatus::refuted, .reason = std::move(reason)};
}

Claim refuted(const Check& check) { return refuted(fmt::format("{}: {}", check.id, check.detail)); }

// What the checks of one kind came to, appraisals aside.
struct Outcome {
  bool checked = false;
  bool lacks_endorsement = false;
  const Check* failed = nullptr;  // the first

  bool passed() const noexcept { return checked && failed == nullptr; }
};

Outcome outcome_of(const Verdict& verdict, std::span<const std::string_view> prefixes) {
  Outcome out;
  for (const Check& check : verdict.checks()) {
    const bool meant = std::ranges::any_of(
        prefixes, [&check](std::string_view prefix) { return check.id.starts_with(prefix); });
    if (!meant || is_one_of(kAppraisals, check)) continue;
    if (check.status == CheckStatus::pass) out.checked = true;
    if (check.status != CheckStatus::fail) continue;
    out.checked = true;
    if (is_one_of(kEndorsements, check)) out.lacks_endorsement = true;
    if (out.failed == nullptr) out.failed = &check;
  }
  return out;
}

Outcome tee_outcome(const Verdict& verdict) {
  constexpr std::array<std::string_view, 2> kPrefixes{"tdx.", "snp."};
  return outcome_of(verdict, kPrefixes);
}

// C1.
Claim tee_claim(const Verdict& verdict) {
  const Outcome tee = tee_outcome(verdict);
  if (!tee.checked || tee.lacks_endorsement) return {};
  if (tee.failed != nullptr) return refuted(*tee.failed);
  if (verdict.simulated) return refuted("the evidence leads to no hardware vendor's root");
  return asserted(ClaimSource::hardware_proven, "evidence verified to the vendor's root");
}

// C2.
Claim gpu_claim(const Verdict& verdict) {
  constexpr std::array<std::string_view, 3> kPrefixes{"gpu.", "rim.", "binding.gpu."};
  const Outcome gpus = outcome_of(verdict, kPrefixes);
  const Json* devices = json::find(verdict.claims, "devices");
  if (!gpus.checked || devices == nullptr || devices->empty()) return {};
  if (gpus.failed != nullptr) return refuted(*gpus.failed);
  if (verdict.claims.value("gpus", Json()) != "all") return refuted("not all GPUs passed");
  if (verdict.simulated) return refuted("the evidence leads to no hardware vendor's root");
  // A genuine GPU may be anybody's.
  if (find_check(verdict, "binding.gpu.nonce") == nullptr) return {};
  return asserted(ClaimSource::hardware_proven,
                  fmt::format("{} devices verified, bound to the quote", devices->size()));
}

// The claim that a check makes of something that the policy pins.
Claim pinned_claim(const Verdict& verdict, std::string_view id, bool pinned, std::string reason) {
  const Check* check = find_check(verdict, id);
  if (check == nullptr || !pinned || check->status == CheckStatus::skip) return {};
  if (check->status == CheckStatus::fail) return refuted(*check);
  return asserted(ClaimSource::verifier_derived, std::move(reason));
}

// C3.
Claim tcb_claim(const Verdict& verdict, const Policy& policy) {
  if (!tee_outcome(verdict).passed()) return {};
  if (const Json* status = json::find(verdict.claims, "tcb_status"); status != nullptr) {
    if (*status == "UpToDate") return asserted(ClaimSource::verifier_derived, "UpToDate");
    return refuted(status->is_string() ? status->get<std::string>() : "no TCB level");
  }
  return pinned_claim(verdict, "snp.tcb.floor", !policy.snp.min_tcb.empty(),
                      "not below the policy's floor");
}

bool pins_os(const Policy& policy) {
  return std::ranges::all_of(kOsRegisters, [&policy](std::string_view name) {
    return std::ranges::any_of(policy.measurements, [name](const auto& pinned) {
      return pinned.first == name && !pinned.second.empty();
    });
  });
}

// C4.
Claim os_claim(const Verdict& verdict, const Policy& policy) {
  if (!tee_outcome(verdict).passed()) return {};
  if (find_check(verdict, "snp.values") != nullptr) {
    return pinned_claim(verdict, "snp.values", !policy.snp.measurements.empty(),
                        "the launch measurement is an accepted one");
  }
  return pinned_claim(verdict, "policy.measurements", pins_os(policy),
                      "firmware, kernel and initial file system are accepted ones");
}

// C5, C6: what the log says of a machine that is one.
Claim logged_claim(const Verdict& verdict, std::string_view id, bool pinned, std::string reason) {
  if (!tee_outcome(verdict).passed()) return {};
  return pinned_claim(verdict, id, pinned, std::move(reason));
}

}  // namespace

std::string_view to_string(ClaimStatus status) noexcept {
  switch (status) {
    case ClaimStatus::asserted:
      return "asserted";
    case ClaimStatus::refuted:
      return "refuted";
    case ClaimStatus::unknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view to_string(ClaimSource source) noexcept {
  switch (source) {
    case ClaimSource::hardware_proven:
      return "hardware_proven";
    case ClaimSource::verifier_derived:
      return "verifier_derived";
    case ClaimSource::provider_asserted:
      return "provider_asserted";
    case ClaimSource::operator_asserted:
      return "operator_asserted";
  }
  return "operator_asserted";
}

Json Claim::to_json() const {
  Json out{{"status", to_string(status)}};
  if (status == ClaimStatus::unknown) return out;
  out["source"] = to_string(source);
  out["reason"] = reason;
  return out;
}

Json SessionClaims::to_json() const {
  return Json{{"tee_attested", tee_attested.to_json()},
              {"gpu_attested", gpu_attested.to_json()},
              {"tcb_up_to_date", tcb_up_to_date.to_json()},
              {"os_known_good", os_known_good.to_json()},
              {"serving_software_known_good", serving_software_known_good.to_json()},
              {"model_weights_provenance", model_weights_provenance.to_json()}};
}

SessionClaims session_claims(const Verdict& verdict, const Policy& policy) {
  return {
      .tee_attested = tee_claim(verdict),
      .gpu_attested = gpu_claim(verdict),
      .tcb_up_to_date = tcb_claim(verdict, policy),
      .os_known_good = os_claim(verdict, policy),
      .serving_software_known_good =
          logged_claim(verdict, "aci.compose", !policy.compose_hashes.empty(),
                       "the measured manifest is an accepted one"),
      .model_weights_provenance = logged_claim(verdict, "aci.model", !policy.model_digests.empty(),
                                               "the measured model is an accepted one")};
}

}  // namespace confide::verify
