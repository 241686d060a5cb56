// Private to crypto/: the Keccak sponge, which AWS-LC offers only with SHA-3's padding.
#pragma once

#include "base/bytes.h"

namespace confide::crypto {

// Keccak[c=512] with 32 bytes of output. `padding` is the byte that follows the message: 0x01 in
// the original submission, 0x06 in FIPS 202's SHA3-256 (which the tests compare with AWS-LC's).
ByteArray<32> keccak_sponge_256(ByteView message, std::uint8_t padding);

}  // namespace confide::crypto
