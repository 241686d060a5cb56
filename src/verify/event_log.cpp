#include "verify/event_log.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "crypto/hash.h"
#include "evidence/ccel.h"
#include "verify/event_log_claims.h"
#include "verify/event_log_replay.h"
#include "verify/findings.h"

namespace confide::verify {
namespace {

using evidence::Event;
using evidence::kRuntimeEvent;
using evidence::Measurement;

constexpr std::string_view kComposeEvent = "compose-hash";

// What the platform says of the machine, each at most once (E5).
constexpr std::array<std::string_view, 12> kIdentityEvents{
    "system-preparing", "app-id",       "compose-hash", "gpu-policy-hash",
    "gpu-attestation",  "instance-id",  "boot-mr-done", "mr-kms",
    "os-image-hash",    "key-provider", "storage-fs",   "system-ready"};
// The one thing the platform may say more than once, but not late either.
constexpr std::string_view kRepeatedEvent = "init-script-hash";

tl::unexpected<Error> fail_event(std::string_view rule, std::size_t i, std::string_view problem) {
  return fail(Errc::mismatch, fmt::format("{}: event {} {}", rule, i, problem));
}

Status check_digest(const Event& event, std::size_t i) {
  if (event.type != kRuntimeEvent) {
    if (event.imr != kApplicationRegister) return {};
    // Its name and payload would be the host's to invent, and it could hide a runtime event.
    return fail_event("E3", i, fmt::format("of RTMR3 has type {:#010x}", event.type));
  }
  // The first version's digest does not say where the name ends, so the first colon must.
  if (event.version == evidence::DigestVersion::v1 && event.name.find(':') != std::string::npos) {
    return fail_event("E3", i, "has a colon in its name");
  }
  if (event.preimage && *event.preimage != runtime_event_preimage(event)) {
    return fail_event("E2", i, "has a preimage that is not its name and payload");
  }
  if (event.digest != Measurement{} && event.digest != runtime_event_digest(event)) {
    return fail_event("E2", i, fmt::format("({}) does not hash to its listed digest", event.name));
  }
  return {};
}

Status check_digests(const std::vector<Event>& log) {
  for (std::size_t i = 0; i < log.size(); ++i) TRY(check_digest(log[i], i));
  return {};
}

Status check_identity(const std::vector<Event>& log) {
  std::set<std::string_view> seen;
  bool ready = false;
  for (std::size_t i = 0; i < log.size(); ++i) {
    const Event& event = log[i];
    if (event.imr != kApplicationRegister) continue;
    const bool once = std::ranges::find(kIdentityEvents, event.name) != kIdentityEvents.end();
    if (!once && event.name != kRepeatedEvent) continue;
    if (once && !seen.insert(event.name).second) {
      return fail_event("E5", i, fmt::format("is a second '{}'", event.name));
    }
    if (ready) return fail_event("E5", i, fmt::format("('{}') is after system-ready", event.name));
    ready = is_system_ready(event);
  }
  return {};
}

// E8.
Status check_compose(const std::vector<Event>& log, std::string_view manifest) {
  TRY_ASSIGN(const Bytes measured, find_platform_event(log, kComposeEvent));
  const crypto::Sha256 digest = crypto::sha256(as_bytes(manifest));
  if (!std::ranges::equal(measured, digest)) {
    return fail(Errc::mismatch, fmt::format("E8: the manifest hashes to {}, {} was measured",
                                            to_hex(digest), to_hex(measured)));
  }
  return {};
}

constexpr std::size_t kRegisters = std::tuple_size_v<Rtmrs>;

void fail_registers(const Error& reason, Findings& findings) {
  for (std::size_t i = 0; i < kRegisters; ++i) {
    findings.check(fmt::format("eventlog.rtmr{}", i), tl::unexpected<Error>(reason));
  }
}

void check_registers(const std::vector<Event>& log, EventLogForm form, const Rtmrs* registers,
                     Findings& findings) {
  if (registers == nullptr) {
    return fail_registers({Errc::unavailable, "E7: no quote to compare with"}, findings);
  }
  std::array<Status, kRegisters> outcomes{};
  for (const RegisterDifference& difference : find_differences(log, form, *registers)) {
    outcomes.at(difference.index) = fail(Errc::mismatch, describe(difference));
  }
  for (unsigned i = 0; i < outcomes.size(); ++i) {
    const auto events = std::ranges::count(log, i, &Event::imr);
    findings.check(fmt::format("eventlog.rtmr{}", i), outcomes.at(i),
                   fmt::format("{} events", events));
  }
}

bool is_text(ByteView document) {
  // A CCEL area begins with a register index of 0 to 4; JSON with a printable character or a space.
  return !document.empty() && document[0] >= '\t';
}

Result<std::vector<Event>> parse_text(ByteView document) {
  TRY_ASSIGN(const Json json, json::parse(as_text(document)));
  return evidence::parse_event_log(json);
}

// E9. Other banks are read and shown, but no RTMR was ever extended with them.
Result<std::vector<Event>> read_bank(const evidence::Ccel& area) {
  auto out = evidence::rtmr_events(area);
  if (!out) return fail(out.error().code, "E9: " + out.error().message);
  return out;
}

}  // namespace

// The one maker of the proof.
class EventLogJudge {
 public:
  explicit EventLogJudge(Verdict& verdict) : findings_(verdict) {}

  Result<VerifiedEventLog> judge(std::vector<Event> log, EventLogForm form,
                                 const EventLogReferences& references) {
    if (form == EventLogForm::dstack) {
      findings_.check("eventlog.digests", check_digests(log), fmt::format("{} events", log.size()));
      findings_.check("eventlog.identity", check_identity(log));
    }
    check_registers(log, form, references.registers, findings_);
    if (references.app_compose) {
      findings_.check("eventlog.compose", check_compose(log, *references.app_compose));
    }
    if (findings_.first_failure()) return tl::unexpected<Error>(*findings_.first_failure());
    if (form == EventLogForm::dstack) log = with_computed_digests(std::move(log));
    return VerifiedEventLog(std::move(log));
  }

  Result<VerifiedEventLog> judge_text(ByteView document, const EventLogReferences& references) {
    auto log = findings_.record("eventlog.parse", parse_text(document),
                                [](const auto& found) { return describe_count(found.size()); });
    if (!log) return fail_unread();
    add_claims(claims(), *log, references);
    return judge(*std::move(log), EventLogForm::dstack, references);
  }

  Result<VerifiedEventLog> judge_area(ByteView document, const EventLogReferences& references) {
    const auto area =
        findings_.record("eventlog.parse", evidence::parse_ccel(document),
                         [](const auto& found) { return describe_count(found.events.size()); });
    if (!area) return fail_unread();
    add_claims(claims(), *area, references);
    auto log = findings_.record("eventlog.bank", read_bank(*area),
                                [](const auto& found) { return describe_count(found.size()); });
    if (!log) return fail_unread();
    return judge(*std::move(log), EventLogForm::ccel, references);
  }

 private:
  static std::string describe_count(std::size_t events) { return fmt::format("{} events", events); }
  Json& claims() { return findings_.verdict().claims; }
  Result<VerifiedEventLog> fail_unread() {
    const Error first = *findings_.first_failure();
    fail_registers({first.code, "not judged: an earlier check failed"}, findings_);
    return tl::unexpected<Error>(first);
  }

  Findings findings_;
};

Result<Bytes> VerifiedEventLog::platform_event(std::string_view name) const {
  return find_platform_event(events_, name);
}

Result<std::vector<Bytes>> VerifiedEventLog::application_events(std::string_view name) const {
  return find_events(events_, name);
}

Result<VerifiedEventLog> verify_event_log(std::vector<Event> log, const evidence::TdReport& td,
                                          Verdict& verdict) {
  return EventLogJudge(verdict).judge(std::move(log), EventLogForm::dstack,
                                      {.registers = &td.rtmr});
}

Result<VerifiedEventLog> verify_event_log(ByteView document, const EventLogReferences& references,
                                          Verdict& verdict) {
  EventLogJudge judge(verdict);
  return is_text(document) ? judge.judge_text(document, references)
                           : judge.judge_area(document, references);
}

}  // namespace confide::verify
