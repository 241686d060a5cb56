#include "seal/box.h"

#include <algorithm>
#include <utility>

namespace confide::seal {
namespace {

constexpr std::size_t kX25519Size = 32;
constexpr std::size_t kSecpSize = 65;
constexpr std::size_t kKeySize = 32;
constexpr std::uint8_t kUncompressed = 0x04;

std::size_t point_size(Suite suite) { return suite == Suite::x25519 ? kX25519Size : kSecpSize; }

std::string_view without_0x(std::string_view hex) {
  if (hex.starts_with("0x")) hex.remove_prefix(2);
  return hex;
}

template <std::size_t N>
ByteArray<N> array_of(ByteView bytes) {
  ByteArray<N> out{};
  std::ranges::copy(bytes, out.begin());
  return out;
}

// `peer` is in normal form.
Result<SecretBytes> agree(const BoxKey& own, ByteView peer) {
  if (const auto* key = std::get_if<crypto::X25519Key>(&own)) {
    return key->agree(array_of<kX25519Size>(peer));
  }
  return std::get<crypto::Secp256k1Key>(own).agree_x(array_of<kSecpSize>(peer));
}

Result<SecretBytes> box_key(const BoxKey& own, ByteView peer, std::string_view info) {
  if (peer.size() != point_size(suite_of(own))) {
    return fail(Errc::malformed, "sealed field (E5): key of another suite");
  }
  TRY_ASSIGN(const SecretBytes shared, agree(own, peer));
  return crypto::hkdf_sha256({}, shared, info, kKeySize);
}

// Length of the UTF-8 sequence that starts with `lead`, 0 if none does.
std::size_t sequence_length(std::uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

// Neither overlong forms, nor surrogates, nor anything above U+10FFFF (RFC 3629): a string that
// JSON cannot carry must not reach the hash of the restored request.
bool is_utf8(ByteView text) {
  while (!text.empty()) {
    const std::size_t n = sequence_length(text[0]);
    if (n == 0 || n > text.size()) return false;
    const auto tail = text.subspan(1, n - 1);
    if (!std::ranges::all_of(tail, [](std::uint8_t c) { return (c & 0xc0U) == 0x80; }))
      return false;
    if (n > 1) {
      const std::uint8_t second = text[1];
      if ((text[0] == 0xe0 && second < 0xa0) || (text[0] == 0xed && second > 0x9f) ||
          (text[0] == 0xf0 && second < 0x90) || (text[0] == 0xf4 && second > 0x8f)) {
        return false;
      }
    }
    text = text.subspan(n);
  }
  return true;
}

}  // namespace

std::string_view to_string(Suite suite) noexcept {
  return suite == Suite::x25519 ? "x25519-aes-256-gcm-hkdf-sha256"
                                : "secp256k1-aes-256-gcm-hkdf-sha256";
}

BoxKey generate_box_key(Suite suite) {
  if (suite == Suite::x25519) return crypto::X25519Key::generate();
  return crypto::Secp256k1Key::generate();
}

Suite suite_of(const BoxKey& key) noexcept {
  return std::holds_alternative<crypto::X25519Key>(key) ? Suite::x25519 : Suite::secp256k1;
}

ByteView public_bytes(const BoxKey& key) noexcept {
  if (const auto* x = std::get_if<crypto::X25519Key>(&key)) return x->public_key();
  return std::get_if<crypto::Secp256k1Key>(&key)->public_key();
}

Result<Bytes> normal_public(Suite suite, ByteView bytes) {
  if (suite == Suite::x25519) {
    // X25519 ignores the top bit, so a flipped one would open all the same and name one key twice.
    if (bytes.size() != kX25519Size || (bytes.back() & 0x80U) != 0) {
      return fail(Errc::malformed, "x25519 key (E4): not 32 bytes below 2^255");
    }
    return to_bytes(bytes);
  }
  // Hybrid points (06, 07) would be a second spelling of the same key.
  const bool bare = bytes.size() == kSecpSize - 1;
  const bool full = bytes.size() == kSecpSize && bytes.front() == kUncompressed;
  if (!bare && !full) return fail(Errc::malformed, "secp256k1 key (E4): not 64 or 65 bytes");
  TRY_ASSIGN(const auto point, crypto::parse_secp256k1_public(bytes));
  return to_bytes(point);
}

Result<Bytes> parse_public(Suite suite, std::string_view hex) {
  TRY_ASSIGN(const Bytes bytes, from_hex(without_0x(hex), HexCase::any));
  return normal_public(suite, bytes);
}

Result<std::string> seal_box(const BoxKey& ephemeral, const GcmNonce& nonce, ByteView recipient,
                             const BoxContext& context, std::string_view plaintext) {
  TRY_ASSIGN(const SecretBytes key, box_key(ephemeral, recipient, context.info));
  Bytes box = to_bytes(public_bytes(ephemeral));
  append(box, nonce);
  append(box, crypto::aes256gcm_seal(key, nonce, as_bytes(context.aad), as_bytes(plaintext)));
  return to_hex(box);
}

Result<std::string> open_box(const BoxKey& own, const BoxContext& context, std::string_view field) {
  const Suite suite = suite_of(own);
  TRY_ASSIGN(const Bytes box, from_hex(without_0x(field), HexCase::any));
  ByteReader reader(box);
  TRY_ASSIGN(const ByteView ephemeral, reader.take(point_size(suite), "ephemeral key"));
  TRY_ASSIGN(const auto nonce, reader.array<crypto::kGcmNonceSize>("nonce"));
  if (reader.left() < crypto::kGcmTagSize) {
    return fail(Errc::malformed, "sealed field (E5): too short");
  }
  TRY_ASSIGN(const Bytes peer, normal_public(suite, ephemeral));
  TRY_ASSIGN(const SecretBytes key, box_key(own, peer, context.info));
  TRY_ASSIGN(Bytes plain, crypto::aes256gcm_open(key, nonce, as_bytes(context.aad), reader.rest()));
  const bool valid = is_utf8(plain);
  std::string text(valid ? as_text(plain) : std::string_view());
  wipe(plain);
  if (!valid) return fail(Errc::malformed, "sealed field (E5): not UTF-8");
  return text;
}

}  // namespace confide::seal
