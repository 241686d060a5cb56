#include "verify/event_log.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "crypto/hash.h"

namespace confide::verify {
namespace {

using evidence::Event;
using evidence::kRuntimeEvent;
using evidence::Measurement;

// The register of what runs; the others hold the firmware's and kernel's boot.
constexpr unsigned kApplicationRegister = 3;
constexpr std::string_view kSystemReady = "system-ready";

bool is_system_ready(const Event& event) {
  return event.imr == kApplicationRegister && event.name == kSystemReady;
}

// Computes the digest of every runtime event, compares it with the listed one, and puts it in its
// place if none is listed (E1, E2).
Status settle_digests(std::vector<Event>& log) {
  for (std::size_t i = 0; i < log.size(); ++i) {
    Event& event = log[i];
    if (event.type != kRuntimeEvent) {
      if (event.imr != kApplicationRegister) continue;
      // E3: its name and payload would be the host's to invent, and it could hide a runtime event.
      return fail(Errc::mismatch,
                  fmt::format("E3: event {} of RTMR3 has type {:#010x}", i, event.type));
    }
    // E3: the digest does not say where the name ends, so the first colon must.
    if (event.name.find(':') != std::string::npos) {
      return fail(Errc::mismatch, fmt::format("E3: event {} has a colon in its name", i));
    }
    const Measurement digest = runtime_event_digest(event.name, event.payload);
    if (event.digest == Measurement{}) event.digest = digest;
    if (event.digest != digest) {
      return fail(Errc::mismatch,
                  fmt::format("E2: event {} does not hash to its listed digest", i));
    }
  }
  if (std::ranges::count_if(log, is_system_ready) > 1) {
    return fail(Errc::mismatch, "E5: system-ready stands twice in the log");
  }
  return {};
}

Status match_register(unsigned index, const Measurement& replayed, const Measurement& quoted) {
  if (replayed == quoted) return {};
  return fail(Errc::mismatch, fmt::format("E4: the log replays RTMR{} to {}, the quote has {}",
                                          index, to_hex(replayed), to_hex(quoted)));
}

using Iterator = std::vector<Event>::const_iterator;

Result<Bytes> only_payload(Iterator begin, Iterator end, std::string_view name) {
  const auto matches = [name](const Event& event) {
    return event.imr == kApplicationRegister && event.name == name;
  };
  const auto first = std::find_if(begin, end, matches);
  if (first == end) return fail(Errc::not_found, fmt::format("E6: no event '{}'", name));
  if (std::find_if(first + 1, end, matches) != end) {
    return fail(Errc::mismatch, fmt::format("E6: event '{}' stands twice in the log", name));
  }
  return first->payload;
}

}  // namespace

Measurement runtime_event_digest(std::string_view name, ByteView payload) {
  Bytes text{0x01, 0x00, 0x00, 0x08, ':'};  // kRuntimeEvent, little-endian
  append(text, as_bytes(name));
  text.push_back(':');
  append(text, payload);
  return crypto::sha384(text);
}

Measurement extend(const Measurement& rtmr, const Measurement& digest) {
  Bytes text = to_bytes(rtmr);
  append(text, digest);
  return crypto::sha384(text);
}

std::array<Measurement, 4> replay(const std::vector<Event>& log) {
  std::array<Measurement, 4> out{};
  for (const Event& event : log) out.at(event.imr) = extend(out.at(event.imr), event.digest);
  return out;
}

Result<Bytes> VerifiedEventLog::platform_event(std::string_view name) const {
  const auto ready = std::ranges::find_if(events_, is_system_ready);
  if (ready == events_.end()) {
    return fail(Errc::not_found, "E5: no system-ready: nothing tells platform from application");
  }
  return only_payload(events_.begin(), ready, name);
}

Result<Bytes> VerifiedEventLog::application_event(std::string_view name) const {
  return only_payload(events_.begin(), events_.end(), name);
}

Result<VerifiedEventLog> verify_event_log(std::vector<Event> log, const evidence::TdReport& td,
                                          Verdict& verdict) {
  Status outcome = settle_digests(log);
  verdict.check("eventlog.digests", outcome, fmt::format("{} events", log.size()));
  const auto registers = replay(log);
  for (unsigned i = 0; i < registers.size(); ++i) {
    const Status match = match_register(i, registers.at(i), td.rtmr.at(i));
    verdict.check(fmt::format("eventlog.rtmr{}", i), match);
    if (outcome && !match) outcome = match;
  }
  TRY(outcome);
  return VerifiedEventLog(std::move(log));
}

}  // namespace confide::verify
