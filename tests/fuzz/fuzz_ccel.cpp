// Any bytes as a CCEL area: read or refused. One that verifies against the registers it replays to
// fails against any others.
#include <cstdlib>

#include "evidence/ccel.h"
#include "verify/event_log.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace confide;
  const ByteView area(data, size);
  const auto log = evidence::parse_ccel(area);
  if (!log) return 0;
  for (const auto& event : log->events) {
    if (event.digests.size() != log->algorithms.size()) std::abort();
    (void)evidence::tcg_event_name(event.type);
  }
  const auto events = evidence::rtmr_events(*log);
  if (!events) return 0;
  auto registers = verify::replay(*events);
  verify::Verdict verdict;
  (void)verify::verify_event_log(area, {.registers = &registers}, verdict);
  registers[0][0] ^= 1U;
  verify::Verdict spoiled;
  if (verify::verify_event_log(area, {.registers = &registers}, spoiled)) std::abort();
  return 0;
}
