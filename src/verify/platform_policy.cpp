#include "verify/platform_policy.h"

#include <string>

#include <fmt/format.h>

#include "base/bytes.h"

namespace confide::verify {
Status accept_tcb_date(const std::optional<Time>& tcb_date, const PlatformPolicy& policy) {
  if (!policy.min_tcb_date || (tcb_date && *tcb_date >= *policy.min_tcb_date)) return {};
  return fail(Errc::policy, fmt::format("P1: the TCB is of {}, {} or later is demanded",
                                        tcb_date ? to_rfc3339(*tcb_date) : "no known date",
                                        to_rfc3339(*policy.min_tcb_date)));
}

Status accept_evaluation(std::int64_t evaluation_data_number, const PlatformPolicy& policy) {
  if (evaluation_data_number >= policy.min_evaluation_data_number) return {};
  return fail(Errc::policy,
              fmt::format("P2: the TCB info has evaluation data number {}, {} is demanded",
                          evaluation_data_number, policy.min_evaluation_data_number));
}

Status accept_issue_date(std::string_view what, Time issued, const PlatformPolicy& policy) {
  if (!policy.min_issue_date || issued >= *policy.min_issue_date) return {};
  return fail(Errc::policy,
              fmt::format("P2: the {} was issued at {}, {} or later is demanded", what,
                          to_rfc3339(issued), to_rfc3339(*policy.min_issue_date)));
}

Status accept_platform_id(const crypto::SgxExtension& pck, const PlatformPolicy& policy) {
  const std::string fmspc = to_hex(pck.fmspc);
  if (!policy.fmspcs.empty() && !policy.fmspcs.contains(fmspc)) {
    return fail(Errc::policy, fmt::format("P3: FMSPC {} is not among the accepted ones", fmspc));
  }
  const std::string ppid = to_hex(pck.ppid);
  if (!policy.ppids.empty() && !policy.ppids.contains(ppid)) {
    return fail(Errc::policy, fmt::format("P3: PPID {} is not among the accepted ones", ppid));
  }
  return {};
}

}  // namespace confide::verify
