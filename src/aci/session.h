// The record of one verified upstream channel, named by its own digest. Contract 2.5.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"

namespace confide::aci {

// hex(SHA-256(JCS(document))): 64 digits, no prefix. Fails with `unsupported` if there is no
// canonical form.
Result<std::string> session_id(const Json& document);

// The `evidence` member: digest of the bytes, and the bytes as a data URL.
Json session_evidence(std::string_view content_type, ByteView bytes);

// Checks a document served under `id`: its api_version, that it hashes to the id, that its evidence
// hashes to what it says, and that `at` is in its window. Fails with `malformed`, `unsupported`,
// `mismatch` or `expired`. Rule A12.
Status check_session(const Json& document, std::string_view id, Time at);

}  // namespace confide::aci
