// secp256k1: key agreement for E2EE, recoverable signatures for Ethereum.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/secret.h"

namespace confide::crypto {

// Uncompressed SEC1 point: 04 || X || Y.
using Secp256k1Public = ByteArray<65>;
// r || s || v with v = 27 or 28, low s, RFC 6979 nonce.
using EthSignature = ByteArray<65>;

// Takes 65 bytes (04...), 64 bytes (no prefix) or 33 bytes (compressed); fails with `malformed`.
Result<Secp256k1Public> parse_secp256k1_public(ByteView bytes);

class Secp256k1Key {
 public:
  static Secp256k1Key generate();
  static Result<Secp256k1Key> from_scalar(SecretBytes scalar);

  const Secp256k1Public& public_key() const noexcept { return public_; }
  // The x-coordinate of the shared point, 32 bytes big-endian.
  Result<SecretBytes> agree_x(const Secp256k1Public& peer) const;
  // Signs keccak256("\x19Ethereum Signed Message:\n" || decimal length || text), EIP-191.
  EthSignature sign_eip191(std::string_view text) const;

 private:
  Secp256k1Key(SecretBytes scalar, const Secp256k1Public& pub);
  SecretBytes scalar_;
  Secp256k1Public public_{};
};

// The EIP-191 digest that sign_eip191() signs.
ByteArray<32> eip191_digest(std::string_view text);
// Fails with `bad_signature` if no key can be recovered, or on a high s (EIP-2) or another v.
Result<Secp256k1Public> recover_eip191(std::string_view text, const EthSignature& signature);

using EthAddress = ByteArray<20>;
EthAddress eth_address(const Secp256k1Public& key);
// "0x" and 40 hex digits in EIP-55's checksum case.
std::string to_eip55(const EthAddress& address);

}  // namespace confide::crypto
