// Files, policies and keys as the command line names them. Every failure here is unusable input.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "commands.h"
#include "verify/policy.h"

namespace confide::app {

// Whole content, at most 64 MiB. Fails with `not_found` or `limit`.
Result<std::string> read_file(const std::string& path);
// All of stdin, at most 64 MiB.
Result<std::string> read_stdin();
// Mode 0600, synced to disk; a symbolic link is never followed. Without `overwrite`, fails with
// `policy` if the file is there already.
Status write_private_file(const std::string& path, std::string_view content, bool overwrite);

Result<verify::Policy> load_policy(const TrustOptions& options);
// Fails with `malformed` if `text` is not UTF-8; `what` names it.
Status check_utf8(std::string_view what, const std::string& text);
// From the file, or else from CONFIDE_API_KEY; empty if there is neither.
Result<std::string> load_api_key(const std::string& file);
// `folder`, or else the user's own for what outlives a program: $XDG_STATE_HOME/confide, or under
// ~/.local/state, whose folders are made.
Result<std::string> state_folder(const std::string& folder);
// RFC 3339, or the present if `text` is empty.
Result<Time> parse_time(const std::string& text);

}  // namespace confide::app
