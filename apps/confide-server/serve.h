// Puts the parts of a serving process together, in the order that makes its word worth something:
// harden, measure, make keys, serve.
#pragma once

#include <string>
#include <vector>

#include "options.h"

namespace confide::server {

// Runs until SIGTERM or SIGINT. Returns the process's exit code: 0 after a clean stop, 2 for what
// the caller must mend, 3 for what is unavailable. `arguments` is what is measured as the command
// line.
int serve(const ServeOptions& options, const std::vector<std::string>& arguments);

}  // namespace confide::server
