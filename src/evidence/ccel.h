// The boot event log that firmware leaves for a TD: the CCEL area, in the TCG crypto-agile format.
// UEFI 2.10 section 38.4; TCG PC Client Platform Firmware Profile 1.05 section 10. Parses; judging
// is verify/'s.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "evidence/event_log.h"

namespace confide::evidence {

inline constexpr std::size_t kMaxCcelBytes = std::size_t{1} << 20U;

// TPM_ALG_ID of the digests that RTMRs are extended with.
inline constexpr std::uint16_t kAlgorithmSha384 = 0x000c;
// TCG event types (profile, section 10.4.1) that mean something here: the first extends nothing.
inline constexpr std::uint32_t kNoActionEvent = 3;

struct CcelAlgorithm {
  std::uint16_t id = 0;  // TPM_ALG_ID: 0x000c SHA-384, 0x0012 SM3, ...
  std::uint16_t digest_size = 0;
};

struct CcelEvent {
  unsigned index = 0;  // CC measurement register: 0 is MRTD, 1..4 are RTMR0..3
  std::uint32_t type = 0;
  std::vector<Bytes> digests;  // one for each of Ccel::algorithms, in their order
  Bytes data;
};

struct Ccel {
  std::vector<CcelAlgorithm> algorithms;  // each once, at least one
  std::vector<CcelEvent> events;          // without the header
};

// What follows the last event must be all 0xff or all zero. Fails with `malformed`, `limit`, or
// `unsupported` if the header is of another version of the format.
Result<Ccel> parse_ccel(ByteView area);

// The events that extend RTMR0..3, in order, with their SHA-384 digests; they have no names.
// Register index 0 (MRTD) and EV_NO_ACTION extend nothing and are left out. Fails with
// `unsupported` if the log has no SHA-384 digests: no RTMR holds any other.
Result<std::vector<Event>> rtmr_events(const Ccel& log);

// TCG's name of an event type, EV_SEPARATOR; empty if it has none.
std::string_view tcg_event_name(std::uint32_t type) noexcept;

}  // namespace confide::evidence
