// The key that the history is encrypted under, in a file of its own.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace confide::proxy {

// Reads 32 bytes, or makes them if there are none and `may_make`. Fails with `not_found` if it may
// not, with `policy` if the file may be read by others or is not
// ours, `malformed` if it is not 32 bytes long, `unavailable`.
Result<SecretBytes> load_history_key(const std::string& path, bool may_make);

}  // namespace confide::proxy
