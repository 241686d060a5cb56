#include "verify/event_log.h"

#include <utility>

#include "commands.h"
#include "finder.h"
#include "outcome.h"
#include "output.h"
#include "verify/tdx.h"

namespace confide::app {
namespace {

struct Loaded {
  Ground ground;
  Bytes log;
  std::optional<Bytes> quote;
  std::optional<Bytes> app_compose;
};

Result<Loaded> load(const EventLogOptions& options) {
  Loaded loaded;
  TRY_ASSIGN(loaded.ground, load_ground(options.common));
  TRY_ASSIGN(loaded.log,
             load_evidence(options.common.path, "eventlog", {"eventlog.json", "eventlog.bin"}));
  if (!options.quote_path.empty()) {
    TRY_ASSIGN(loaded.quote, load_evidence(options.quote_path, "quote", {"quote.bin"}));
  }
  if (!options.app_compose_path.empty()) {
    TRY_ASSIGN(loaded.app_compose, collateral::read_file(options.app_compose_path));
  }
  return loaded;
}

// The registers of a quote that has passed, or, if nobody asked for that, of one taken as given.
Result<verify::Rtmrs> find_registers(const EventLogOptions& options, const Loaded& loaded,
                                     Outcome& outcome) {
  const bool json = options.common.json;
  TRY_ASSIGN(const auto collateral,
             find_tdx_collateral(options.collateral_path, options.common.fetch, *loaded.quote,
                                 loaded.ground.at, json));
  if (collateral) {
    outcome.proven = "the log explains the registers of a genuine Intel TDX quote";
    const auto proof = verify::verify_tdx(*loaded.quote, &*collateral, loaded.ground.policy,
                                          loaded.ground.at, outcome.verdict);
    if (proof) return proof->td().rtmr;
    outcome.error = proof.error();
  } else {
    outcome.proven = "the log explains the registers in the quote; the quote was not judged";
    outcome.verdict.skip("tdx.quote", "taken as given: --collateral DIR or --fetch verifies it");
  }
  TRY_ASSIGN(const auto quote, evidence::parse_dcap_quote(*loaded.quote));
  if (quote.td() == nullptr) return fail(Errc::unsupported, "an SGX quote has no registers");
  return quote.td()->rtmr;
}

}  // namespace

int verify_event_log(const EventLogOptions& options) {
  const bool json = options.common.json;
  const auto loaded = load(options);
  if (!loaded) return unusable(loaded.error(), json);
  Outcome outcome;
  verify::EventLogReferences references;
  std::optional<verify::Rtmrs> registers;
  if (loaded->quote) {
    const auto found = find_registers(options, *loaded, outcome);
    if (!found && !is_damage(found.error())) return give_up(found.error(), json);
    if (found) registers = *found;
    if (!found) outcome.verdict.fail("tdx.quote", found.error().message);
  } else {
    outcome.hint = "nothing to compare the log with: give --quote FILE";
  }
  if (registers) references.registers = &*registers;
  if (loaded->app_compose) references.app_compose = as_text(*loaded->app_compose);
  const auto proof = verify::verify_event_log(loaded->log, references, outcome.verdict);
  if (!proof && !outcome.error) outcome.error = proof.error();
  return conclude(options.common, outcome);
}

}  // namespace confide::app
