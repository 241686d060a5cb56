// What a serving process does before it can serve, whatever its engine is.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "attest/tee.h"
#include "base/clock.h"
#include "base/result.h"
#include "options.h"

namespace confide::server {

// Hardens the process, closes its environment, runs `run` and says what failed. Returns the exit
// code: 0 after a clean stop, 2 for what the caller must mend, 3 for what is unavailable.
int as_program(const ServeOptions& options, const std::function<Status()>& run);

// --state, for us alone.
Status make_state_folder(const std::string& path);

// `arguments` is what is measured as the command line. Warns if nothing protects the service.
Result<std::unique_ptr<attest::Tee>> open_tee(const ServeOptions& options,
                                              const std::vector<std::string>& arguments,
                                              const Clock& clock);

}  // namespace confide::server
