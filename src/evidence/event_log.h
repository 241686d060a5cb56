// dstack's event log: what was measured into the RTMRs, in order. Parses; replaying is verify/'s.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "evidence/tdx_quote.h"

namespace confide::evidence {

// event_type of runtime events, whose digest is computed from name and payload (contract 2.6).
inline constexpr std::uint32_t kRuntimeEvent = 0x08000001;

struct Event {
  unsigned imr = 0;  // RTMR index 0..3
  std::uint32_t type = 0;
  Measurement digest{};
  std::string name;
  Bytes payload;
};

// Takes a JSON array, or a JSON string that holds one. Fails with `malformed` or `limit`. A runtime
// event may come with an empty digest; it is zero then, and the verifier computes it.
Result<std::vector<Event>> parse_event_log(const Json& log);
// The array form, members in dstack's order.
Json event_log_to_json(const std::vector<Event>& log);

}  // namespace confide::evidence
