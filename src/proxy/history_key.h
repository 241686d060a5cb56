// The key that the history is encrypted under, in a file of its own.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace confide::proxy {

// Reads 32 bytes, or makes them. Fails with `policy` if the file may be read by others or is not
// ours, `malformed` if it is not 32 bytes long, `unavailable`.
Result<SecretBytes> load_history_key(const std::string& path);

}  // namespace confide::proxy
