// Hybrid public key encryption, RFC 9180: base mode, DHKEM(X25519, HKDF-SHA256) and HKDF-SHA256,
// with each of the three AEADs. Composed from the primitives beside it.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/secret.h"
#include "crypto/aead.h"
#include "crypto/x25519.h"

namespace confide::crypto {

inline constexpr std::uint16_t kHpkeKemX25519 = 0x0020;
inline constexpr std::uint16_t kHpkeKdfSha256 = 0x0001;

// What both ends of one context have. Not thread-safe.
class HpkeContext {
 public:
  // `length` bytes that only the two ends know, another for each `context` (section 5.3).
  SecretBytes export_secret(std::string_view context, std::size_t length) const;

 protected:
  // The key schedule of section 5.1.
  HpkeContext(Aead aead, const SecretBytes& shared_secret, ByteView info);
  AeadSequence messages_;

 private:
  struct Schedule;
  explicit HpkeContext(Schedule schedule);
  Aead aead_;
  SecretBytes exporter_secret_;
};

class HpkeSender : public HpkeContext {
 public:
  // `ephemeral` must never be used again. Fails with `malformed` on a recipient of low order.
  static Result<HpkeSender> start(const X25519Public& recipient, Aead aead, ByteView info,
                                  const X25519Key& ephemeral = X25519Key::generate());

  // The encapsulated key, for the receiver.
  const X25519Public& enc() const noexcept { return enc_; }
  // Fails with `limit` after 2^64 - 1 messages.
  Result<Bytes> seal(ByteView aad, ByteView plaintext) { return messages_.seal(aad, plaintext); }

 private:
  HpkeSender(const X25519Public& enc, Aead aead, const SecretBytes& shared_secret, ByteView info)
      : HpkeContext(aead, shared_secret, info), enc_(enc) {}
  X25519Public enc_;
};

class HpkeReceiver : public HpkeContext {
 public:
  // Fails with `malformed` on an `enc` of low order.
  static Result<HpkeReceiver> start(const X25519Key& own, const X25519Public& enc, Aead aead,
                                    ByteView info);

  // Fails with `malformed`, `bad_signature` or `limit`, as AeadSequence::open().
  Result<Bytes> open(ByteView aad, ByteView sealed) { return messages_.open(aad, sealed); }

 private:
  using HpkeContext::HpkeContext;
};

}  // namespace confide::crypto
