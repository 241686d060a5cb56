// Replays an event log and looks things up in it. Contract 2.6; rules E1 to E6 of
// docs/protocols/eventlog.md.
#pragma once

#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "evidence/event_log.h"
#include "verify/tdx.h"

namespace confide::verify {

// SHA-384(LE32(0x08000001) || ":" || name || ":" || payload).
evidence::Measurement runtime_event_digest(std::string_view name, ByteView payload);
// SHA-384(rtmr || digest).
evidence::Measurement extend(const evidence::Measurement& rtmr,
                             const evidence::Measurement& digest);
// All four registers after the log, from zero. Uses digests as listed; verify_event_log() checks
// them first.
std::array<evidence::Measurement, 4> replay(const std::vector<evidence::Event>& log);

// Proof that a log explains the registers of a quote: every runtime digest recomputed, all four
// RTMRs equal.
class VerifiedEventLog {
 public:
  // The payload of the one event of this name in RTMR3 before `system-ready`: what the platform
  // measured. Fails with `not_found` if there is none or the log has no `system-ready`, `mismatch`
  // if there are two.
  Result<Bytes> platform_event(std::string_view name) const;
  // The payload of the one event of this name in all of RTMR3; for what the measured application
  // itself records, such as the model. Fails likewise.
  Result<Bytes> application_event(std::string_view name) const;
  const std::vector<evidence::Event>& events() const noexcept { return events_; }

 private:
  friend Result<VerifiedEventLog> verify_event_log(std::vector<evidence::Event>,
                                                   const evidence::TdReport&, Verdict&);
  explicit VerifiedEventLog(std::vector<evidence::Event> events) : events_(std::move(events)) {}
  std::vector<evidence::Event> events_;
};

// Check ids eventlog.digests and eventlog.rtmr0..3. Fails with `mismatch`.
Result<VerifiedEventLog> verify_event_log(std::vector<evidence::Event> log,
                                          const evidence::TdReport& td, Verdict& verdict);

}  // namespace confide::verify
