// Authenticated encryption with a 12-byte nonce and a 16-byte tag, and HKDF-SHA256 (RFC 5869).
#pragma once

#include <memory>
#include <string_view>

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

// The algorithms HPKE and OHTTP name, by their HPKE identifiers (RFC 9180, section 7.3).
enum class Aead : std::uint16_t { aes_128_gcm = 1, aes_256_gcm = 2, chacha20_poly1305 = 3 };
std::size_t key_size(Aead aead) noexcept;  // 16 or 32 bytes

inline constexpr std::size_t kAeadNonceSize = 12;
inline constexpr std::size_t kAeadTagSize = 16;
using AeadNonce = ByteArray<kAeadNonceSize>;

// A key for a sequence of messages: the nonce of each is a base nonce XOR its number, counted from
// `first` (RFC 9180, section 5.2). One direction each. Not thread-safe.
class AeadSequence {
 public:
  // `key` is of the algorithm's size.
  AeadSequence(Aead aead, const SecretBytes& key, const AeadNonce& base, std::uint64_t first = 0);
  AeadSequence(AeadSequence&&) noexcept;
  AeadSequence& operator=(AeadSequence&&) noexcept;
  ~AeadSequence();

  // Ciphertext || tag of the next message. Fails with `limit` once 2^64 - 1 were sealed.
  Result<Bytes> seal(ByteView aad, ByteView plaintext);
  // The next message. Fails with `limit`, with `malformed` if `sealed` is too short to have a tag,
  // with `bad_signature` if the tag does not match; the number is then not used up.
  Result<Bytes> open(ByteView aad, ByteView sealed);

 private:
  struct State;
  Result<AeadNonce> next_nonce() const;
  std::unique_ptr<State> state_;
};

SecretBytes hkdf_sha256(ByteView salt, const SecretBytes& ikm, std::string_view info,
                        std::size_t length);
// Its two halves. `ikm` is not empty.
SecretBytes hkdf_sha256_extract(ByteView salt, const SecretBytes& ikm);
SecretBytes hkdf_sha256_expand(const SecretBytes& prk, std::string_view info, std::size_t length);

}  // namespace confide::crypto
