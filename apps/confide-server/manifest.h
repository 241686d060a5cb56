// The manifest of a process that is its own application: what a simulated guest measures as its
// compose file. A real guest's agent measures the same facts before it starts the program.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace confide::server {

// Refuses to go on if the loader was told to bring in other code (LD_PRELOAD and its kin), then
// empties the environment: nothing that was not measured reaches the engine. Call before threads.
Status close_environment();

// Canonical JSON naming the program's own SHA-256 and its arguments.
Result<std::string> application_manifest(const std::vector<std::string>& arguments);

}  // namespace confide::server
