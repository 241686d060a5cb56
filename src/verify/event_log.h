// Replays an event log and looks things up in it. Contract 2.6; rules E1 to E9 of
// docs/protocols/eventlog.md.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "evidence/event_log.h"
#include "verify/tdx.h"

namespace confide::verify {

using Rtmrs = std::array<evidence::Measurement, 4>;

// What the digest of a runtime event is made of, by its version (E1).
Bytes runtime_event_preimage(const evidence::Event& event);
// SHA-384 of the preimage.
evidence::Measurement runtime_event_digest(const evidence::Event& event);
// SHA-384(rtmr || digest).
evidence::Measurement extend(const evidence::Measurement& rtmr,
                             const evidence::Measurement& digest);
// All four registers after the log, from zero. Uses digests as listed.
Rtmrs replay(const std::vector<evidence::Event>& log);

// Proof that a log explains the registers of a quote: every runtime digest computed, all four
// RTMRs equal.
class VerifiedEventLog {
 public:
  // The payload of the one event of this name in RTMR3 before `system-ready`: what the platform
  // measured. Fails with `not_found` if there is none or the log has no `system-ready`, `mismatch`
  // if there are two.
  Result<Bytes> platform_event(std::string_view name) const;
  // The payloads of all events of this name in RTMR3, in their order; for what the measured
  // application itself records, such as its models. Fails with `not_found` if there is none.
  Result<std::vector<Bytes>> application_events(std::string_view name) const;
  const std::vector<evidence::Event>& events() const noexcept { return events_; }

 private:
  friend class EventLogJudge;
  explicit VerifiedEventLog(std::vector<evidence::Event> events) : events_(std::move(events)) {}
  std::vector<evidence::Event> events_;
};

// A log in dstack's form that came with a quote. Check ids eventlog.digests, eventlog.identity and
// eventlog.rtmr0..3. Fails with `mismatch`.
Result<VerifiedEventLog> verify_event_log(std::vector<evidence::Event> log,
                                          const evidence::TdReport& td, Verdict& verdict);

// What a log is compared with; pointers are not owned.
struct EventLogReferences {
  // Of a quote, or from elsewhere if the caller trusts that. Null: the log is read and replayed,
  // but proves nothing, and every register check fails.
  const Rtmrs* registers = nullptr;
  // The manifest whose SHA-256 the event `compose-hash` must hold.
  std::optional<std::string_view> app_compose{};
};

// A log as a file: dstack's JSON, or a CCEL area, told apart by the first byte. Check ids:
// eventlog.parse; eventlog.digests and eventlog.identity of a dstack log, eventlog.bank of a CCEL
// area; eventlog.rtmr0..3; eventlog.compose. Adds the claims `events`, `events_per_register`,
// `match`, `differences` and others (docs/protocols/eventlog.md). Fails with what parse_event_log()
// and parse_ccel() fail with, and with `mismatch`, `not_found`, `unavailable`.
Result<VerifiedEventLog> verify_event_log(ByteView document, const EventLogReferences& references,
                                          Verdict& verdict);

}  // namespace confide::verify
