// The parts of judging an event log that its claims show as well. Private to verify/; rules of
// docs/protocols/eventlog.md.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evidence/event_log.h"
#include "verify/event_log.h"

namespace confide::verify {

// The register of what runs; the others hold the firmware's and kernel's boot.
inline constexpr unsigned kApplicationRegister = 3;

// dstack writes names and payloads that its digests are made of; firmware's CCEL area does not.
enum class EventLogForm { dstack, ccel };

// The log with the computed digest of each runtime event in place of the listed one (E2).
std::vector<evidence::Event> with_computed_digests(std::vector<evidence::Event> log);

// E4: where a replayed register is not the expected one.
struct RegisterDifference {
  unsigned index = 0;
  evidence::Measurement replayed{};
  evidence::Measurement quoted{};
  std::size_t events = 0;  // of this register
  std::string hint;        // what may explain it; empty if nothing is known
};

// Nothing where the registers agree. `listed` holds the digests as the log gives them.
std::vector<RegisterDifference> find_differences(const std::vector<evidence::Event>& listed,
                                                 EventLogForm form, const Rtmrs& quoted);
// "E4: RTMR1: 7 events replay to ..., the quote has ...: ..."
std::string describe(const RegisterDifference& difference);

bool is_system_ready(const evidence::Event& event);
// E6: the payloads of the events of a name in all of RTMR3, and that of the one before
// `system-ready`.
Result<std::vector<Bytes>> find_events(std::span<const evidence::Event> log, std::string_view name);
Result<Bytes> find_platform_event(std::span<const evidence::Event> log, std::string_view name);

}  // namespace confide::verify
