#include "aci/keyset.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/bytes.h"
#include "crypto/secp256k1.h"

namespace confide::aci {
namespace {

// The last second of the year 9999. Keysets without any end have been seen (2^64-1); nobody can
// mean that, and canonical JSON could not carry it.
constexpr std::int64_t kLastPlausible = 253'402'300'799;

// DER of SubjectPublicKeyInfo up to the 32 key bytes, RFC 8410.
constexpr ByteArray<12> kSpkiEd25519 = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                        0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
constexpr ByteArray<12> kSpkiX25519 = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                       0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00};

bool is_lower_hex(std::string_view text, std::size_t size) noexcept {
  return text.size() == size && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Json entries_to_json(const std::vector<KeyEntry>& entries) {
  Json out = Json::array();
  for (const KeyEntry& entry : entries) {
    out.push_back(
        {{"key_id", entry.key_id}, {"algo", entry.algo}, {"public_key", entry.public_key}});
  }
  return out;
}

// Rule A2: a key is lower hex of its algorithm's one length.
Status check_key(const KeyEntry& entry) {
  if (entry.algo == kSuiteSecp256k1) {
    TRY_ASSIGN(const auto bytes, from_hex_array<65>(entry.public_key));
    if (bytes[0] != 0x04) return fail(Errc::malformed, "keyset (A2): not an uncompressed point");
    TRY(crypto::parse_secp256k1_public(bytes));
    return {};
  }
  if (!is_lower_hex(entry.public_key, 64)) {
    return fail(Errc::malformed, "keyset (A2): key is not 32 bytes of lower-case hex");
  }
  return {};
}

struct Entries {
  std::vector<KeyEntry> known;     // of an algorithm that has this role
  std::set<std::string> all_keys;  // of every entry, for the role check
};

Result<Entries> parse_entries(const Json& keyset, std::string_view name,
                              std::initializer_list<std::string_view> algorithms) {
  TRY_ASSIGN(const Json* array, json::get_array(keyset, name));
  Entries out;
  std::set<std::string> ids;
  for (const Json& element : *array) {
    KeyEntry entry;
    TRY_ASSIGN(entry.key_id, json::get_string(element, "key_id"));
    TRY_ASSIGN(entry.algo, json::get_string(element, "algo"));
    TRY_ASSIGN(entry.public_key, json::get_string(element, "public_key"));
    if (!ids.insert(entry.key_id).second) {
      return fail(Errc::malformed, fmt::format("keyset (A3): two entries of {} share an id", name));
    }
    out.all_keys.insert(entry.public_key);
    if (std::ranges::find(algorithms, entry.algo) != algorithms.end()) {
      TRY(check_key(entry));
      out.known.push_back(std::move(entry));
    }
  }
  return out;
}

Result<std::vector<TlsEntry>> parse_tls(const Json& keyset) {
  TRY_ASSIGN(const Json* array, json::get_array(keyset, "tls_public_keys"));
  std::vector<TlsEntry> out;
  for (const Json& element : *array) {
    TlsEntry entry;
    TRY_ASSIGN(entry.spki_sha256, json::get_string(element, "spki_sha256"));
    if (!is_lower_hex(entry.spki_sha256, 64)) {
      return fail(Errc::malformed, "keyset (A2): spki_sha256 is not a lower-case SHA-256");
    }
    if (json::find(element, "domain") != nullptr) {
      TRY_ASSIGN(entry.domain, json::get_string(element, "domain"));
      if (entry.domain->empty()) return fail(Errc::malformed, "keyset (A2): empty domain");
    }
    out.push_back(std::move(entry));
  }
  return out;
}

// Rule A13.
Result<std::vector<OhttpEntry>> parse_ohttp(const Json& keyset) {
  std::vector<OhttpEntry> out;
  if (json::find(keyset, "ohttp_key_configurations") == nullptr) return out;
  TRY_ASSIGN(const Json* array, json::get_array(keyset, "ohttp_key_configurations"));
  std::set<std::string> ids;
  for (const Json& element : *array) {
    OhttpEntry entry;
    TRY_ASSIGN(entry.key_id, json::get_string(element, "key_id"));
    TRY_ASSIGN(entry.digest, json::get_string(element, "digest"));
    if (!is_digest(entry.digest)) {
      return fail(Errc::malformed, "keyset (A13): digest of a key configuration is no digest");
    }
    if (!ids.insert(entry.key_id).second) {
      return fail(Errc::malformed, "keyset (A3): two key configurations share an id");
    }
    out.push_back(std::move(entry));
  }
  return out;
}

std::string spki_sha256(const ByteArray<12>& prefix, std::string_view key_hex) {
  Bytes spki(prefix.begin(), prefix.end());
  if (const auto key = from_hex_array<32>(key_hex)) append(spki, *key);
  return to_hex(crypto::sha256(spki));
}

// Rule A3. `receipt` and `e2ee` are the keys of every entry, of unknown algorithm too.
Status check_roles(const Keyset& keyset, const std::set<std::string>& receipt,
                   const std::set<std::string>& e2ee) {
  std::set<std::string> tls;
  for (const TlsEntry& entry : keyset.tls_public_keys) tls.insert(entry.spki_sha256);

  const bool shared =
      std::ranges::any_of(receipt, [&](const std::string& key) { return e2ee.contains(key); });
  const bool signs_tls =
      std::ranges::any_of(keyset.receipt_signing_keys, [&](const KeyEntry& entry) {
        return tls.contains(spki_sha256(kSpkiEd25519, entry.public_key));
      });
  const bool opens_tls = std::ranges::any_of(keyset.e2ee_public_keys, [&](const KeyEntry& entry) {
    return entry.algo == kSuiteX25519 && tls.contains(spki_sha256(kSpkiX25519, entry.public_key));
  });
  if (shared || signs_tls || opens_tls) {
    return fail(Errc::malformed, "keyset (A3): one key in two roles");
  }
  return {};
}

std::string normal_host(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return to_lower(host);
}

}  // namespace

Json Keyset::to_json() const {
  Json tls = Json::array();
  for (const TlsEntry& entry : tls_public_keys) {
    Json& out = tls.emplace_back(Json::object());
    out["spki_sha256"] = entry.spki_sha256;
    if (entry.domain) out["domain"] = *entry.domain;
  }
  Json out = Json::object();
  out["subject"] = subject ? Json(*subject) : Json(nullptr);
  out["not_after"] = to_unix(not_after);
  out["receipt_signing_keys"] = entries_to_json(receipt_signing_keys);
  out["e2ee_public_keys"] = entries_to_json(e2ee_public_keys);
  out["tls_public_keys"] = std::move(tls);
  if (!ohttp_key_configurations.empty()) {
    Json& configurations = out["ohttp_key_configurations"] = Json::array();
    for (const OhttpEntry& entry : ohttp_key_configurations) {
      configurations.push_back({{"key_id", entry.key_id}, {"digest", entry.digest}});
    }
  }
  return out;
}

const KeyEntry* Keyset::receipt_key(std::string_view key_id) const {
  const auto it = std::ranges::find_if(receipt_signing_keys, [&](const KeyEntry& entry) {
    return entry.key_id == key_id && entry.algo == kAlgoEd25519;
  });
  return it == receipt_signing_keys.end() ? nullptr : &*it;
}

bool Keyset::lists_tls(std::string_view spki, std::string_view host) const {
  return std::ranges::any_of(tls_public_keys, [&](const TlsEntry& entry) {
    return entry.spki_sha256 == spki &&
           (!entry.domain || normal_host(*entry.domain) == normal_host(host));
  });
}

Status Keyset::check_ohttp_key(std::string_view digest, std::string_view public_key) const {
  if (std::ranges::find(ohttp_key_configurations, digest, &OhttpEntry::digest) ==
      ohttp_key_configurations.end()) {
    return fail(Errc::mismatch, "keyset (A13): the key configuration is not listed");
  }
  const auto same = [&](const KeyEntry& entry) { return entry.public_key == public_key; };
  const std::string spki = spki_sha256(kSpkiX25519, public_key);
  if (std::ranges::any_of(e2ee_public_keys, same) ||
      std::ranges::any_of(receipt_signing_keys, same) ||
      std::ranges::find(tls_public_keys, spki, &TlsEntry::spki_sha256) != tls_public_keys.end()) {
    return fail(Errc::malformed, "keyset (A3): one key in two roles");
  }
  return {};
}

Result<ParsedKeyset> parse_keyset(const Json& object) {
  ParsedKeyset out;
  Keyset& keyset = out.keyset;
  const Json* subject = json::find(object, "subject");
  if (subject == nullptr || !(subject->is_null() || subject->is_string())) {
    return fail(Errc::malformed, "keyset (A1): subject is neither a string nor null");
  }
  if (subject->is_string()) keyset.subject = subject->get<std::string>();

  TRY_ASSIGN(const std::int64_t not_after, json::get_int(object, "not_after"));
  if (not_after <= 0 || not_after > kLastPlausible) {
    return fail(Errc::malformed, "keyset (A4): implausible not_after");
  }
  keyset.not_after = from_unix(not_after);

  TRY_ASSIGN(auto receipt, parse_entries(object, "receipt_signing_keys", {kAlgoEd25519}));
  TRY_ASSIGN(auto e2ee, parse_entries(object, "e2ee_public_keys", {kSuiteX25519, kSuiteSecp256k1}));
  TRY_ASSIGN(keyset.tls_public_keys, parse_tls(object));
  TRY_ASSIGN(keyset.ohttp_key_configurations, parse_ohttp(object));
  keyset.receipt_signing_keys = std::move(receipt.known);
  keyset.e2ee_public_keys = std::move(e2ee.known);
  TRY(check_roles(keyset, receipt.all_keys, e2ee.all_keys));
  TRY_ASSIGN(out.digest, keyset_digest(object));
  return out;
}

Result<std::string> keyset_digest(const Json& keyset) {
  TRY_ASSIGN(const std::string canonical, json::canonical(keyset));
  return crypto::sha256_tag(as_bytes(canonical));
}

bool is_nonce(std::string_view text) noexcept { return is_lower_hex(text, 64); }

bool is_digest(std::string_view text) noexcept {
  constexpr std::string_view kPrefix = "sha256:";
  return text.starts_with(kPrefix) && is_lower_hex(text.substr(kPrefix.size()), 64);
}

// Written by template, not by a JSON library: these bytes stand in the quote (rule A5).
std::string statement(std::string_view digest, const std::optional<std::string>& nonce) {
  const std::string quoted = nonce ? fmt::format("\"{}\"", *nonce) : "null";
  return fmt::format(R"({{"keyset_digest":"{}","nonce":{},"purpose":"aci.report_data.v1"}})",
                     digest, quoted);
}

crypto::Sha256 report_data(std::string_view digest, const std::optional<std::string>& nonce) {
  return crypto::sha256(as_bytes(statement(digest, nonce)));
}

ByteArray<64> report_data_slot(const crypto::Sha256& report_data) {
  ByteArray<64> slot{};
  std::ranges::copy(report_data, slot.begin());
  return slot;
}

}  // namespace confide::aci
