// Looks for everything that would keep a service from starting, without starting it.
#pragma once

#include <string>
#include <vector>

#include "options.h"

namespace confide::server {

// Of the files and addresses that options name, but for the model: takes no time.
std::vector<std::string> find_problems(const ServeOptions& options);

// --check-config: the above and the model, its header and the memory it needs at least. Says all of
// it, on stdout with `json` ({"ok":bool,"problems":[...]}), else on stderr. Returns the exit code:
// 0 or 2.
int check_config(const ServeOptions& options, bool json);

}  // namespace confide::server
