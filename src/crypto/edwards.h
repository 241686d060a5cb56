// Private to crypto/: points of edwards25519 in the encoding of RFC 8032 section 5.1.2.
#pragma once

#include "base/bytes.h"

namespace confide::crypto {

// True if `encoded` is the one encoding of a curve point whose order is not 1, 2, 4 or 8.
bool is_usable_ed25519_point(const ByteArray<32>& encoded);

// The Montgomery u-coordinate of such a point: u = (1 + y) / (1 - y), RFC 7748 section 4.1.
ByteArray<32> montgomery_u(const ByteArray<32>& encoded);

}  // namespace confide::crypto
