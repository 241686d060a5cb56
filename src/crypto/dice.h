// The firmware identifier (FWID) in a DICE certificate: which firmware the key belongs to. TCG,
// "Implicit Identity Based Device Attestation" (composite device identifier) and "DICE Attestation
// Architecture" (TcbInfo).
#pragma once

#include <string>

#include "base/bytes.h"

namespace confide::crypto {

inline constexpr const char* kDiceIdOid = "2.23.133.5.4.1";
inline constexpr const char* kDiceTcbInfoOid = "2.23.133.5.4.1.1";

// The digest in the extension `oid`, whose value is `der`; of several in a TcbInfo the first. Fails
// with `malformed`, or `unsupported` if it is neither of the two extensions.
Result<Bytes> parse_dice_fwid(const std::string& oid, ByteView der);

}  // namespace confide::crypto
