// How an appraisal of evidence is shown, and which exit code it ends with.
#pragma once

#include <optional>
#include <string>

#include "commands.h"
#include "verify/policy.h"
#include "verify/verdict.h"

namespace confide::app {

struct Outcome {
  verify::Verdict verdict;
  std::optional<Error> error;  // why the verdict is a fail, or what was not what it should be
  std::string hint;            // what the user may do about it; empty: see hint_for()
  std::string proven;          // what a pass proves: "genuine Intel TDX hardware"
};

// Adds the claim `session`: what the verdict says in the words of ACI's session documents.
void add_session_claims(Outcome& outcome, const verify::Policy& policy);

// Prints checks, verdict and claims, or the JSON document; returns the exit code.
int conclude(const EvidenceOptions& options, const Outcome& outcome);

}  // namespace confide::app
