#include <algorithm>

#include "crypto/hash.h"
#include "seal/ohttp.h"

namespace confide::seal {
namespace {

using crypto::Aead;

constexpr std::size_t kMaxConfigs = 16;
constexpr std::size_t kSuiteSize = 4;

std::optional<Aead> aead_of(std::uint16_t id) noexcept {
  for (const Aead aead : {Aead::aes_128_gcm, Aead::aes_256_gcm, Aead::chacha20_poly1305}) {
    if (id == static_cast<std::uint16_t>(aead)) return aead;
  }
  return std::nullopt;
}

}  // namespace

Bytes encode_key_config(const KeyConfig& config) {
  Bytes out{config.key_id};
  append_u16be(out, crypto::kHpkeKemX25519);
  append(out, config.public_key);
  append_u16be(out, config.aeads.size() * kSuiteSize);
  for (const Aead aead : config.aeads) {
    append_u16be(out, crypto::kHpkeKdfSha256);
    append_u16be(out, static_cast<std::uint16_t>(aead));
  }
  return out;
}

Result<KeyConfig> parse_key_config(ByteView bytes) {
  ByteReader reader(bytes);
  KeyConfig out;
  TRY_ASSIGN(out.key_id, reader.u8("OHTTP key configuration (O1): key id"));
  TRY_ASSIGN(const auto kem, reader.u16be("OHTTP key configuration (O1): KEM"));
  if (kem != crypto::kHpkeKemX25519) {
    return fail(Errc::unsupported, "OHTTP key configuration (O1): not DHKEM(X25519, HKDF-SHA256)");
  }
  TRY_ASSIGN(out.public_key, reader.array<32>("OHTTP key configuration (O1): public key"));
  TRY_ASSIGN(const auto size, reader.u16be("OHTTP key configuration (O1): length of suites"));
  if (size == 0 || size % kSuiteSize != 0 || size != reader.left()) {
    return fail(Errc::malformed, "OHTTP key configuration (O1): length of suites");
  }
  while (reader.left() != 0) {
    TRY_ASSIGN(const auto kdf, reader.u16be("KDF"));
    TRY_ASSIGN(const auto id, reader.u16be("AEAD"));
    const auto aead = aead_of(id);
    if (kdf == crypto::kHpkeKdfSha256 && aead) out.aeads.push_back(*aead);
  }
  if (out.aeads.empty()) {
    return fail(Errc::unsupported, "OHTTP key configuration (O1): no algorithms we speak");
  }
  return out;
}

std::string key_config_digest(ByteView config) { return crypto::sha256_tag(config); }

Bytes join_key_configs(const std::vector<Bytes>& configs) {
  Bytes out;
  for (const Bytes& config : configs) {
    append_u16be(out, config.size());
    append(out, config);
  }
  return out;
}

Result<std::vector<Bytes>> split_key_configs(ByteView bytes) {
  ByteReader reader(bytes);
  std::vector<Bytes> out;
  while (reader.left() != 0) {
    if (out.size() == kMaxConfigs) return fail(Errc::limit, "OHTTP keys (O1): too many");
    TRY_ASSIGN(const auto size, reader.u16be("OHTTP keys (O1): length"));
    TRY_ASSIGN(const ByteView config, reader.take(size, "OHTTP keys (O1): configuration"));
    out.push_back(to_bytes(config));
  }
  return out;
}

GatewayKey::GatewayKey(std::uint8_t key_id, crypto::X25519Key key)
    : config_{.key_id = key_id,
              .public_key = key.public_key(),
              .aeads = {Aead::aes_128_gcm, Aead::chacha20_poly1305}},
      encoded_(encode_key_config(config_)),
      key_(std::move(key)) {}

GatewayKey GatewayKey::generate(std::uint8_t key_id) {
  return GatewayKey(key_id, crypto::X25519Key::generate());
}

}  // namespace confide::seal
