// The workload keyset, its digest, and the statement a quote carries. Contract 2.2 and 2.3.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "crypto/ed25519.h"
#include "crypto/hash.h"

namespace confide::aci {

inline constexpr std::string_view kApiVersion = "aci/1";
inline constexpr std::string_view kAlgoEd25519 = "ed25519";
inline constexpr std::string_view kSuiteX25519 = "x25519-aes-256-gcm-hkdf-sha256";
inline constexpr std::string_view kSuiteSecp256k1 = "secp256k1-aes-256-gcm-hkdf-sha256";

struct KeyEntry {
  std::string key_id;
  std::string algo;
  std::string public_key;  // lower hex
};

struct TlsEntry {
  std::string spki_sha256;  // lower hex
  std::optional<std::string> domain;
};

// One OHTTP key configuration, named by the SHA-256 of its exact bytes.
struct OhttpEntry {
  std::string key_id;
  std::string digest;  // sha256:...
};

struct Keyset {
  std::optional<std::string> subject;
  Time not_after{};
  std::vector<KeyEntry> receipt_signing_keys;
  std::vector<KeyEntry> e2ee_public_keys;
  std::vector<TlsEntry> tls_public_keys;
  std::vector<OhttpEntry> ohttp_key_configurations;  // empty: no such member

  Json to_json() const;

  // The entry with this id and a known algorithm, or null.
  const KeyEntry* receipt_key(std::string_view key_id) const;
  // Whether `spki_sha256` is listed for `host`: case-insensitive, trailing dot ignored, an entry
  // without domain serves every host.
  bool lists_tls(std::string_view spki_sha256, std::string_view host) const;
  // Whether the OHTTP key configuration with this digest, whose X25519 key is `public_key` (lower
  // hex), may be sealed to. Fails with `mismatch` if it is not listed, `malformed` if its key has
  // another role too, which the digest alone does not show. Rules A3 and A13.
  Status check_ohttp_key(std::string_view digest, std::string_view public_key) const;
};

// A keyset as received: the values, and the digest over all of it, unknown members included.
struct ParsedKeyset {
  Keyset keyset;
  std::string digest;  // sha256:...
};

// Fails with `malformed` on missing or mistyped members, bad hex or length, an implausible
// `not_after`, a key id used twice, and a key in two roles (the SPKI form of an Ed25519 or X25519
// key as TLS entry included); with `unsupported` if there is no canonical form. Entries of unknown
// algorithm are kept out of `keyset`. Rules A1-A4.
Result<ParsedKeyset> parse_keyset(const Json& object);
// "sha256:" || hex(SHA-256(JCS(keyset))). Fails with `unsupported` on floats and the like.
Result<std::string> keyset_digest(const Json& keyset);

// 64 lower-case hex digits, nothing else (contract 1.3).
bool is_nonce(std::string_view text) noexcept;
// "sha256:" and 64 lower-case hex digits, nothing else (contract 2.1).
bool is_digest(std::string_view text) noexcept;

// The exact statement, 197 bytes with a nonce and 135 without. `digest` carries its prefix.
std::string statement(std::string_view digest, const std::optional<std::string>& nonce);
crypto::Sha256 report_data(std::string_view digest, const std::optional<std::string>& nonce);
// report_data || 32 zero bytes: what stands in the quote.
ByteArray<64> report_data_slot(const crypto::Sha256& report_data);

}  // namespace confide::aci
