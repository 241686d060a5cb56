// One sealed field: ephemeral key agreement, HKDF-SHA256, AES-256-GCM, written as hex.
// Contract 2.7; legacy mode differs in the info string and has no associated data (2.8).
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "crypto/aead.h"
#include "crypto/secp256k1.h"
#include "crypto/x25519.h"

namespace confide::seal {

enum class Suite { x25519, secp256k1 };
std::string_view to_string(Suite suite) noexcept;  // the `algo` of keyset entries

using BoxKey = std::variant<crypto::X25519Key, crypto::Secp256k1Key>;
using GcmNonce = ByteArray<crypto::kGcmNonceSize>;

BoxKey generate_box_key(Suite suite);
Suite suite_of(const BoxKey& key) noexcept;
// 32 bytes (x25519) or 65 (secp256k1, 04 first).
ByteView public_bytes(const BoxKey& key) noexcept;

// The one form of a public key of the suite: takes 32 bytes, or 65 or 64 (without 04). Fails with
// `malformed` on anything else, a point off the curve, or a second spelling of an x25519 key (rule
// E4).
Result<Bytes> normal_public(Suite suite, ByteView bytes);
// The same from hex of either case, with or without 0x.
Result<Bytes> parse_public(Suite suite, std::string_view hex);

// What separates one use of the construction from another.
struct BoxContext {
  std::string_view info;  // of HKDF
  std::string_view aad;
};

// hex(ephemeral public || nonce || ciphertext || tag). `recipient` is in normal form; `ephemeral`
// and `nonce` must never be used again. Fails with `malformed` on a recipient of low order.
Result<std::string> seal_box(const BoxKey& ephemeral, const GcmNonce& nonce, ByteView recipient,
                             const BoxContext& context, std::string_view plaintext);

// Takes hex of either case, with or without 0x. Fails with `malformed` if it cannot be a sealed
// field or holds no UTF-8, with `bad_signature` if it does not open.
Result<std::string> open_box(const BoxKey& own, const BoxContext& context, std::string_view field);

}  // namespace confide::seal
