// Event logs against the registers of a quote: firmware's CCEL areas and dstack's JSON.
#include <algorithm>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "evidence/ccel.h"
#include "evidence/dcap_quote.h"
#include "kinds.h"
#include "verify/event_log.h"

namespace confide::conformance {
namespace {

// RTMRs written as {"rtmr0": hex, ...}.
Result<verify::Rtmrs> read_registers(const Json& object) {
  verify::Rtmrs out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    TRY_ASSIGN(const std::string hex, json::get_string(object, fmt::format("rtmr{}", i)));
    TRY_ASSIGN(out.at(i), from_hex_array<48>(hex));
  }
  return out;
}

// What the log has to explain: the quote's registers, or for a case that comes without one, those
// of its tcb_info, which stand nowhere but among its expectations. A damaged quote gives nothing.
Result<std::optional<verify::Rtmrs>> find_registers(const Case& from) {
  if (from.file("quote") != nullptr) {
    TRY_ASSIGN(const Bytes bytes, from.read("quote"));
    const auto quote = evidence::parse_dcap_quote(bytes);
    if (!quote || quote->td() == nullptr) return std::optional<verify::Rtmrs>();
    return std::optional(quote->td()->rtmr);
  }
  const Json* expected = json::find(from.description, "expected");
  const Json* info = expected == nullptr ? nullptr : json::find(*expected, "tcb_info");
  if (info == nullptr) return std::optional<verify::Rtmrs>();
  TRY_ASSIGN(const verify::Rtmrs registers, read_registers(*info));
  return std::optional(registers);
}

// What firmware measured, as text, wherever a case shows it: without the zeros that end it.
void add_texts(Json& events, ByteView area) {
  const auto log = evidence::parse_ccel(area);
  if (!log || !events.is_array()) return;
  for (std::size_t i = 0; i < std::min(events.size(), log->events.size()); ++i) {
    std::string text(as_text(log->events[i].data));
    text.resize(text.find_last_not_of('\0') + 1);
    events[i]["data_text"] = std::move(text);
  }
}

}  // namespace

Result<Answer> run_event_log(const Case& from) {
  TRY_ASSIGN(const Bytes log, from.read("eventlog"));
  TRY_ASSIGN(const auto registers, find_registers(from));
  verify::EventLogReferences references;
  references.registers = registers ? &*registers : nullptr;
  Bytes manifest;
  if (from.file("app_compose") != nullptr) {
    TRY_ASSIGN(manifest, from.read("app_compose"));
    references.app_compose = as_text(manifest);
  }
  verify::Verdict verdict;
  const auto proof = verify::verify_event_log(log, references, verdict);
  Answer answer = answer_from(verdict);
  const bool accepted = proof.has_value() && verdict.passed();
  answer.expected["verdict"] = accepted ? "accept" : "reject";
  const bool nothing_to_explain = from.file("quote") == nullptr && !registers;
  if (nothing_to_explain && verdict.claims.contains("events")) {
    answer.expected["verdict"] = "no quote: parse and replay only";
  }
  if (from.file("quote") == nullptr && registers) {
    answer.expected["tcb_info"] = verdict.claims.value("quote", Json());
  }
  answer.parsed = Json{{"events", verdict.claims.value("event_list", Json())}};
  add_texts(answer.parsed["events"], log);
  return answer;
}

}  // namespace confide::conformance
