// The four RTMRs and the log that explains them, always in step.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "evidence/event_log.h"

namespace confide::attest {

// SHA-384(rtmr || digest): what the TDX module does on TDG.MR.RTMR.EXTEND.
evidence::Measurement extended(const evidence::Measurement& rtmr,
                               const evidence::Measurement& digest);

// An event for RTMR3 with the digest of contract 2.6, rule V1:
// SHA-384(LE32(0x08000001) || ":" || name || ":" || payload).
// Fails with `malformed` on an empty name or one with a colon, which would make the digest
// ambiguous, `limit` on a name over 128 bytes or a payload over 64 KiB.
Result<evidence::Event> runtime_event(std::string_view name, ByteView payload);

// Not thread-safe.
class MeasuredLog {
 public:
  // Extends the event's register and appends it; `event.imr` is 0..3.
  void append(evidence::Event event);
  const std::array<evidence::Measurement, 4>& rtmrs() const noexcept { return rtmrs_; }
  const std::vector<evidence::Event>& events() const noexcept { return events_; }

 private:
  std::array<evidence::Measurement, 4> rtmrs_{};  // all zero, as after reset
  std::vector<evidence::Event> events_;
};

}  // namespace confide::attest
