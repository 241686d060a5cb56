#include "seal/legacy.h"

#include <algorithm>

#include "crypto/random.h"

namespace confide::seal {
namespace {

BoxContext context_of(Suite suite) {
  return {.info = suite == Suite::x25519 ? "ed25519_encryption" : "ecdsa_encryption", .aad = ""};
}

bool equal_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

}  // namespace

Result<LegacyAlgo> parse_legacy_algo(std::string_view text) {
  if (equal_ignoring_case(text, "ecdsa")) return LegacyAlgo::ecdsa;
  if (equal_ignoring_case(text, "ed25519")) return LegacyAlgo::ed25519;
  return fail(Errc::unsupported, "legacy E2EE: neither ecdsa nor ed25519");
}

Result<LegacyKey> LegacyKey::from_ed25519_seed(const SecretBytes& seed) {
  TRY_ASSIGN(auto key, crypto::X25519Key::from_ed25519_seed(seed));
  return LegacyKey(BoxKey(std::move(key)));
}

Result<std::string> LegacyKey::open_field(std::string_view field_hex) const {
  return open_box(key_, context_of(suite_of(key_)), field_hex);
}

Result<std::string> seal_legacy_field(LegacyAlgo algo, ByteView recipient,
                                      std::string_view plaintext) {
  Suite suite = Suite::secp256k1;
  Bytes peer;
  if (algo == LegacyAlgo::ed25519) {
    suite = Suite::x25519;
    TRY_ASSIGN(const auto mapped, crypto::x25519_from_ed25519(recipient));
    TRY_ASSIGN(peer, normal_public(suite, mapped));
  } else {
    TRY_ASSIGN(peer, normal_public(suite, recipient));
  }
  GcmNonce nonce{};
  crypto::random_fill(nonce);
  return seal_box(generate_box_key(suite), nonce, peer, context_of(suite), plaintext);
}

}  // namespace confide::seal
