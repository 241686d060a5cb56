#include <utility>

#include "commands.h"
#include "evidence/dcap_quote.h"
#include "finder.h"
#include "outcome.h"
#include "output.h"
#include "verify/quote.h"

namespace confide::app {
namespace {

// What a pass proves; both verifiers say the same of what is no quote at all.
std::string what_it_proves(ByteView quote) {
  const auto parsed = evidence::parse_dcap_quote(quote);
  const bool sgx = parsed && parsed->enclave() != nullptr;
  return sgx ? "genuine Intel SGX enclave" : "genuine Intel TDX hardware";
}

}  // namespace

int verify_quote(const QuoteOptions& options) {
  const bool json = options.common.json;
  const auto ground = load_ground(options.common);
  if (!ground) return unusable(ground.error(), json);
  const auto quote = load_evidence(options.common.path, "quote", {"quote.bin"});
  if (!quote) return unusable(quote.error(), json);
  const auto found =
      find_tdx_collateral(options.collateral_path, options.common.fetch, *quote, ground->at, json);
  if (!found && !is_damage(found.error())) return give_up(found.error(), json);

  Outcome outcome;
  outcome.proven = what_it_proves(*quote);
  const Status judged =
      verify::verify_quote(*quote, verify::Endorsements(found && *found ? &**found : nullptr),
                           ground->policy, ground->at, outcome.verdict);
  if (!judged) outcome.error = judged.error();
  if (!found) {
    outcome.error = found.error();
    if (!json) say("confide: " + found.error().message);
  } else if (!*found) {
    outcome.hint = "no collateral: give --collateral DIR or --fetch";
  }
  add_session_claims(outcome, ground->policy);
  return conclude(options.common, outcome);
}

}  // namespace confide::app
