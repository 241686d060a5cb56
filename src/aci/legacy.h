// Signed text and report_data of the older vllm-proxy surface, which shares servers with ACI but no
// key and no quote. Contract 3.2, 3.3 and 3.4.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "crypto/hash.h"

namespace confide::aci {

using LegacyNonce = ByteArray<32>;

// "<request hex>:<response hex>", 129 characters: what both legacy signatures are over.
std::string legacy_signed_text(const crypto::Sha256& request, const crypto::Sha256& response);

// 64 hex digits of either case stand for themselves, any other text for its SHA-256.
LegacyNonce legacy_nonce(std::string_view text);

// `identity` is the 20-byte Ethereum address or the 32-byte Ed25519 key, padded right with zeros to
// 32 bytes; the nonce follows. Fails with `malformed` on another length.
Result<ByteArray<64>> legacy_report_data_v1(ByteView identity, const LegacyNonce& nonce);
// SHA-256(identity || SPKI digest) || nonce. Fails likewise.
Result<ByteArray<64>> legacy_report_data_v2(ByteView identity, const crypto::Sha256& spki_sha256,
                                            const LegacyNonce& nonce);

}  // namespace confide::aci
