// Any text as an event log. One that verifies against the registers it replays to fails against
// any others.
#include <cstdlib>

#include "verify/event_log.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = confide::json::parse(confide::as_text({data, size}));
  if (!json) return 0;
  const auto log = confide::evidence::parse_event_log(*json);
  if (!log) return 0;
  const auto copy = confide::evidence::parse_event_log(confide::evidence::event_log_to_json(*log));
  if (!copy || copy->size() != log->size()) std::abort();

  confide::evidence::TdReport td;
  td.rtmr = confide::verify::replay(*log);
  confide::verify::Verdict verdict;
  const auto verified = confide::verify::verify_event_log(*log, td, verdict);
  if (verified.has_value() != verdict.passed()) std::abort();
  if (verified) {
    (void)verified->platform_event("compose-hash");
    (void)verified->application_events("confide.model");
  }
  td.rtmr[3][0] ^= 1U;
  confide::verify::Verdict spoiled;
  if (verified && confide::verify::verify_event_log(*log, td, spoiled)) std::abort();
  return 0;
}
