// The form in which Intel signs JSON: an object, and a signature over its exact text.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace confide::collateral {

struct SignedJson {
  std::string text;  // the member's value, byte for byte
  ByteArray<64> signature{};
};

// Reads {"<member>":{...},"signature":"<128 hex>"}, as the answers of Intel's PCS (API version 3
// and 4, TCB info and enclave identity) are written. Other members are ignored. Fails with
// `malformed` or `limit`, also if the member's name is written with escapes.
Result<SignedJson> parse_signed_json(std::string_view text, std::string_view member);

}  // namespace confide::collateral
