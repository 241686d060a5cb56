// Any bytes as a public key of each kind: read or refused. What was read is read the same from what
// it gives back.
#include <array>
#include <cstdlib>

#include "choose.h"
#include "crypto/public_key.h"
#include "crypto/secp256k1.h"
#include "crypto/x25519.h"
#include "seal/box.h"

namespace {

using namespace confide;

void read_spki(ByteView bytes) {
  const auto key = crypto::PublicKey::from_spki(bytes);
  if (key && crypto::PublicKey::from_spki(key->spki()) != *key) std::abort();
}

void read_point(ByteView bytes) {
  const auto key = crypto::PublicKey::from_point(bytes);
  if (key && crypto::PublicKey::from_spki(key->spki()) != *key) std::abort();
}

void read_secp256k1(ByteView bytes) {
  const auto key = crypto::parse_secp256k1_public(bytes);
  if (key && crypto::parse_secp256k1_public(*key) != *key) std::abort();
}

void read_ed25519(ByteView bytes) { (void)crypto::x25519_from_ed25519(bytes); }

void read_hex(ByteView bytes) {
  for (const auto suite : {seal::Suite::x25519, seal::Suite::secp256k1}) {
    const auto key = seal::parse_public(suite, as_text(bytes));
    if (key && seal::parse_public(suite, to_hex(*key)) != *key) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array kReaders{read_spki, read_point, read_secp256k1, read_ed25519, read_hex};
  const auto choice = fuzz::choose({data, size}, kReaders.size());
  kReaders.at(choice.which)(choice.rest);
  return 0;
}
