// dstack's event log: what was measured into the RTMRs, in order. Parses; replaying is verify/'s.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "evidence/dcap_quote.h"

namespace confide::evidence {

// event_type of runtime events, whose digest is computed from name and payload (contract 2.6).
inline constexpr std::uint32_t kRuntimeEvent = 0x08000001;

// How the digest of a runtime event is made; rule E1 of docs/protocols/eventlog.md.
enum class DigestVersion { v1 = 1, v2 = 2 };

struct Event {
  unsigned imr = 0;  // RTMR index 0..3
  std::uint32_t type = 0;
  Measurement digest{};  // all zero if the log lists none
  std::string name;
  Bytes payload;
  DigestVersion version = DigestVersion::v1;  // of runtime events
  // What a runtime event says that its digest was made of.
  std::optional<Bytes> preimage{};
};

// Takes a JSON array, or a JSON string that holds one. Fails with `malformed`, `limit`, or
// `unsupported` if a runtime event has a digest version that we do not know. A runtime event may
// come with an empty digest; it is zero then, and the verifier computes it.
Result<std::vector<Event>> parse_event_log(const Json& log);
// The array form, members in dstack's order; `version` and `preimage` where they are not left out.
Json event_log_to_json(const std::vector<Event>& log);

}  // namespace confide::evidence
