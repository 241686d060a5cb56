// The boot event log that firmware leaves for a TD: the CCEL area, in the TCG crypto-agile format.
// UEFI 2.10 section 38.4; TCG PC Client Platform Firmware Profile 1.05 section 10.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "evidence/event_log.h"

namespace confide::attest {

inline constexpr std::size_t kMaxCcelBytes = std::size_t{1} << 20U;

// The events that extended RTMR0..3, in order, with their SHA-384 digests. Register index 0 (MRTD)
// and EV_NO_ACTION extend nothing and are left out. What follows the last event must be all 0xff
// or all zero. Fails with `malformed`, `limit`, or `unsupported` if the log has no SHA-384 digests.
Result<std::vector<evidence::Event>> parse_ccel(ByteView area);

}  // namespace confide::attest
