// A TDX of our own making, for trying Confide out and for tests: quotes, certificates, collateral
// and event log are of the genuine forms, under a root of its own. docs/protocols/simulator.md.
#pragma once

#include <memory>

#include "attest/tee.h"

namespace confide::attest {

// Needs `state_dir` alone; see sim_root.h for what is kept there and how it fails.
Result<std::unique_ptr<Tee>> open_sim_tee(const Settings& settings);

}  // namespace confide::attest
