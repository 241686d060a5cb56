// What holds for every model of this process.
#pragma once

#include <string>

namespace confide::engine {

// Name, version and compile flags of the engine, and the GPUs it computes on; stands in receipts.
std::string engine_build();

// Threads to compute with: `asked`, or, if that is 0, one per core.
int compute_threads(int asked);

}  // namespace confide::engine
