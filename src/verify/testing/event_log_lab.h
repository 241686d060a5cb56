// For tests: an event log as a dstack guest would write it, and its parts.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "evidence/event_log.h"
#include "verify/event_log.h"

namespace confide::verify::testing {

inline evidence::Event runtime_event(std::string name, Bytes payload) {
  evidence::Event out;
  out.imr = 3;
  out.type = evidence::kRuntimeEvent;
  out.name = std::move(name);
  out.payload = std::move(payload);
  out.digest = runtime_event_digest(out);
  return out;
}

inline evidence::Event boot_event(unsigned imr, std::uint8_t digest) {
  evidence::Event out;
  out.imr = imr;
  out.type = 4;
  out.digest.fill(digest);
  return out;
}

// Two events in each of RTMR0 to RTMR2, then six in RTMR3, the last of them the application's.
inline std::vector<evidence::Event> dstack_log() {
  return {boot_event(0, 1),
          boot_event(0, 2),
          boot_event(1, 3),
          boot_event(1, 4),
          boot_event(2, 5),
          boot_event(2, 6),
          runtime_event("app-id", Bytes(20, 0x11)),
          runtime_event("compose-hash", Bytes(32, 0x22)),
          runtime_event("instance-id", Bytes(20, 0x33)),
          runtime_event("key-provider", to_bytes(as_bytes("{\"name\":\"none\"}"))),
          runtime_event("system-ready", {}),
          runtime_event("confide.model", {0xaa, 0xbb})};
}

inline std::string dstack_document(const std::vector<evidence::Event>& log) {
  return evidence::event_log_to_json(log).dump();
}

}  // namespace confide::verify::testing
