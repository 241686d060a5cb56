// What a policy asks of the platform behind an Intel quote, beyond Intel's verdict on it. Rules P1
// to P3 of docs/protocols/policy.md. All fail with `policy`.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "crypto/sgx_extension.h"

namespace confide::verify {

struct PlatformPolicy {
  std::optional<Time> min_tcb_date{};  // of the TCB levels found, the earliest
  // How recent the news is that the status rests on.
  std::int64_t min_evaluation_data_number = 0;  // of the TCB info
  std::optional<Time> min_issue_date{};         // of TCB info and QE identity alike
  // Accepted platforms, lower-case hex; empty: any.
  std::set<std::string> fmspcs;  // 6 bytes
  std::set<std::string> ppids;   // 16 bytes

  bool asks() const noexcept {
    return min_tcb_date || min_evaluation_data_number != 0 || min_issue_date || !fmspcs.empty() ||
           !ppids.empty();
  }
};

// P1. Nothing is known of a platform below every level that Intel lists.
Status accept_tcb_date(const std::optional<Time>& tcb_date, const PlatformPolicy& policy);
// P2.
Status accept_evaluation(std::int64_t evaluation_data_number, const PlatformPolicy& policy);
// P2, once for each signed text; `what` names it.
Status accept_issue_date(std::string_view what, Time issued, const PlatformPolicy& policy);
// P3.
Status accept_platform_id(const crypto::SgxExtension& pck, const PlatformPolicy& policy);

}  // namespace confide::verify
