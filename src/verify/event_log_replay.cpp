#include "verify/event_log_replay.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "crypto/hash.h"
#include "evidence/ccel.h"

namespace confide::verify {
namespace {

using evidence::Event;
using evidence::kRuntimeEvent;
using evidence::Measurement;

constexpr std::string_view kSystemReady = "system-ready";

// TCG events that are always extended with the hash of the data that the log shows.
constexpr std::array<std::uint32_t, 5> kHashedAsShown{0x00000004, 0x80000001, 0x80000006,
                                                      0x80000007, 0x800000e0};

// Whether the log shows all that the digest was made of, so that it can be computed.
bool can_compute(const Event& event, EventLogForm form) {
  if (form == EventLogForm::dstack) return event.type == kRuntimeEvent;
  return std::ranges::find(kHashedAsShown, event.type) != kHashedAsShown.end();
}

Measurement computed_digest(const Event& event, EventLogForm form) {
  return form == EventLogForm::dstack ? runtime_event_digest(event) : crypto::sha384(event.payload);
}

std::string name_of(const Event& event) {
  if (!event.name.empty()) return event.name;
  const std::string_view name = evidence::tcg_event_name(event.type);
  return name.empty() ? fmt::format("{:#x}", event.type) : std::string(name);
}

// What a person looks for first: an event whose digest is not its own, a log that goes on after the
// quote was taken, a register that the quote never saw extended.
std::string find_hint(const std::vector<Event>& listed, EventLogForm form,
                      const Measurement& quoted) {
  for (std::size_t i = 0; i < listed.size(); ++i) {
    const Event& event = listed[i];
    if (event.digest == Measurement{} || !can_compute(event, form)) continue;
    if (event.digest != computed_digest(event, form)) {
      return fmt::format("its event {} ({}) does not hash to its listed digest", i, name_of(event));
    }
  }
  Measurement value{};
  if (quoted == value) return "the quote's was never extended";
  for (std::size_t i = 0; i < listed.size(); ++i) {
    value = extend(
        value, can_compute(listed[i], form) ? computed_digest(listed[i], form) : listed[i].digest);
    if (value == quoted) return fmt::format("the quote's is that of the first {} events", i + 1);
  }
  return "";
}

std::vector<Event> of_register(const std::vector<Event>& log, unsigned index) {
  std::vector<Event> out;
  std::ranges::copy_if(log, std::back_inserter(out),
                       [index](const Event& event) { return event.imr == index; });
  return out;
}

}  // namespace

Bytes runtime_event_preimage(const Event& event) {
  if (event.version == evidence::DigestVersion::v2) {
    // RFC 8785: members by name, strings escaped as json::compact() does it.
    const Json members{
        {"name", event.name}, {"payload", to_hex(event.payload)}, {"type", kRuntimeEvent}};
    return to_bytes(as_bytes(json::compact(members)));
  }
  Bytes text{0x01, 0x00, 0x00, 0x08, ':'};  // kRuntimeEvent, little-endian
  append(text, as_bytes(event.name));
  text.push_back(':');
  append(text, event.payload);
  return text;
}

Measurement runtime_event_digest(const Event& event) {
  return crypto::sha384(runtime_event_preimage(event));
}

Measurement extend(const Measurement& rtmr, const Measurement& digest) {
  Bytes text = to_bytes(rtmr);
  append(text, digest);
  return crypto::sha384(text);
}

Rtmrs replay(const std::vector<Event>& log) {
  Rtmrs out{};
  for (const Event& event : log) out.at(event.imr) = extend(out.at(event.imr), event.digest);
  return out;
}

std::vector<Event> with_computed_digests(std::vector<Event> log) {
  for (Event& event : log) {
    if (event.type == kRuntimeEvent) event.digest = runtime_event_digest(event);
  }
  return log;
}

std::vector<RegisterDifference> find_differences(const std::vector<Event>& listed,
                                                 EventLogForm form, const Rtmrs& quoted) {
  const Rtmrs replayed =
      replay(form == EventLogForm::dstack ? with_computed_digests(listed) : listed);
  std::vector<RegisterDifference> out;
  for (unsigned i = 0; i < replayed.size(); ++i) {
    if (replayed.at(i) == quoted.at(i)) continue;
    const std::vector<Event> events = of_register(listed, i);
    out.push_back({.index = i,
                   .replayed = replayed.at(i),
                   .quoted = quoted.at(i),
                   .events = events.size(),
                   .hint = find_hint(events, form, quoted.at(i))});
  }
  return out;
}

std::string describe(const RegisterDifference& difference) {
  return fmt::format("E4: RTMR{}: {} events replay to {}, the quote has {}{}{}", difference.index,
                     difference.events, to_hex(difference.replayed), to_hex(difference.quoted),
                     difference.hint.empty() ? "" : ": ", difference.hint);
}

bool is_system_ready(const Event& event) {
  return event.imr == kApplicationRegister && event.name == kSystemReady;
}

Result<std::vector<Bytes>> find_events(std::span<const Event> log, std::string_view name) {
  std::vector<Bytes> out;
  for (const Event& event : log) {
    if (event.imr == kApplicationRegister && event.name == name) out.push_back(event.payload);
  }
  if (out.empty()) return fail(Errc::not_found, fmt::format("E6: no event '{}'", name));
  return out;
}

Result<Bytes> find_platform_event(std::span<const Event> log, std::string_view name) {
  const auto ready = std::ranges::find_if(log, is_system_ready);
  if (ready == log.end()) {
    return fail(Errc::not_found, "E5: no system-ready: nothing tells platform from application");
  }
  TRY_ASSIGN(std::vector<Bytes> found, find_events({log.begin(), ready}, name));
  if (found.size() > 1) {
    return fail(Errc::mismatch, fmt::format("E6: event '{}' stands twice in the log", name));
  }
  return std::move(found.front());
}

}  // namespace confide::verify
