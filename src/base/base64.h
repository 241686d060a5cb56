// Strict base64, RFC 4648 section 4 (with padding) and section 5 (URL-safe, without).
// No whitespace, no foreign characters, no stray bits: one encoding for each value.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace confide {

std::string to_base64(ByteView bytes);
std::string to_base64url(ByteView bytes);
Result<Bytes> from_base64(std::string_view text);
Result<Bytes> from_base64url(std::string_view text);

}  // namespace confide
