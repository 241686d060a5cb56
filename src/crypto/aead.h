// AES-256-GCM with a 12-byte nonce and a 16-byte tag, and HKDF-SHA256 (RFC 5869).
#pragma once

#include "base/bytes.h"
#include "base/secret.h"

namespace confide::crypto {

inline constexpr std::size_t kGcmNonceSize = 12;
inline constexpr std::size_t kGcmTagSize = 16;

// Returns ciphertext || tag. `key` is 32 bytes.
Bytes aes256gcm_seal(const SecretBytes& key, const ByteArray<kGcmNonceSize>& nonce, ByteView aad,
                     ByteView plaintext);
// Fails with `bad_signature` if the tag does not match, `malformed` if `sealed` is too short to
// have one; no plaintext is released then.
Result<Bytes> aes256gcm_open(const SecretBytes& key, const ByteArray<kGcmNonceSize>& nonce,
                             ByteView aad, ByteView sealed);

SecretBytes hkdf_sha256(ByteView salt, const SecretBytes& ikm, std::string_view info,
                        std::size_t length);

}  // namespace confide::crypto
