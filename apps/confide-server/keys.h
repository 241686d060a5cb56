// `confide-server keys`: makes, lists and revokes API keys.
#pragma once

namespace CLI {
class App;
}

namespace confide::server {

// Declares the subcommands; whichever is called runs while the command line is parsed and puts the
// exit code into `code`: 0 done, 2 for what the caller must mend, 3 for what is unavailable.
void declare_keys(CLI::App& app, int& code);

}  // namespace confide::server
