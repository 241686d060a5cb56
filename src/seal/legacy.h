// Field encryption of the older gateway mode that X-Signing-Algo selects. Contract 2.8.
// Nothing but the key binds a field: no associated data, no replay protection.
#pragma once

#include <string>
#include <string_view>

#include "seal/box.h"

namespace confide::seal {

enum class LegacyAlgo { ecdsa, ed25519 };
// Either case. Fails with `unsupported`.
Result<LegacyAlgo> parse_legacy_algo(std::string_view text);

// The secret of one published signing key, for opening.
class LegacyKey {
 public:
  explicit LegacyKey(crypto::Secp256k1Key key) : key_(std::move(key)) {}
  // `seed` is of an Ed25519 key; fields are sealed to its Montgomery form.
  static Result<LegacyKey> from_ed25519_seed(const SecretBytes& seed);

  // Fails with `malformed` or `bad_signature`.
  Result<std::string> open_field(std::string_view field_hex) const;

 private:
  explicit LegacyKey(BoxKey key) : key_(std::move(key)) {}
  BoxKey key_;
};

// hex(ephemeral || nonce || ciphertext || tag). `recipient` is a secp256k1 point of 65 or 64 bytes,
// or a 32-byte Ed25519 key. Fails with `malformed`.
Result<std::string> seal_legacy_field(LegacyAlgo algo, ByteView recipient,
                                      std::string_view plaintext);

}  // namespace confide::seal
