#include "crypto/secp256k1.h"

#include <secp256k1.h>
#include <secp256k1_ecdh.h>
#include <secp256k1_recovery.h>

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "crypto/hash.h"
#include "crypto/must.h"
#include "crypto/random.h"

namespace confide::crypto {
namespace {

struct ContextDeleter {
  void operator()(secp256k1_context* p) const noexcept { secp256k1_context_destroy(p); }
};
using Context = std::unique_ptr<secp256k1_context, ContextDeleter>;

// For whatever multiplies the generator by a secret: blinded against side channels. It is cheap
// enough to make one for each operation, so none is shared between threads.
Context blinded_context() {
  Context context(secp256k1_context_create(SECP256K1_CONTEXT_NONE));
  must(context != nullptr);
  const SecretBytes blinding = random_secret(32);
  must(secp256k1_context_randomize(context.get(), blinding.reveal().data()) == 1);
  return context;
}

Result<secp256k1_pubkey> parse(ByteView bytes) {
  ByteArray<65> prefixed{0x04};
  if (bytes.size() == 64) {
    std::ranges::copy(bytes, prefixed.begin() + 1);
    bytes = prefixed;
  }
  // The library would also take SEC1's hybrid form, 06 or 07.
  const bool known = (bytes.size() == 65 && bytes[0] == 0x04) || bytes.size() == 33;
  secp256k1_pubkey key{};
  if (!known ||
      secp256k1_ec_pubkey_parse(secp256k1_context_static, &key, bytes.data(), bytes.size()) != 1) {
    return fail(Errc::malformed, "secp256k1: not a public key");
  }
  return key;
}

Secp256k1Public serialize(const secp256k1_pubkey& key) {
  Secp256k1Public out{};
  std::size_t size = out.size();
  must(secp256k1_ec_pubkey_serialize(secp256k1_context_static, out.data(), &size, &key,
                                     SECP256K1_EC_UNCOMPRESSED) == 1 &&
       size == out.size());
  return out;
}

int copy_x(unsigned char* output, const unsigned char* x32, const unsigned char* /*y32*/,
           void* /*data*/) {
  std::copy_n(x32, 32, output);
  return 1;
}

}  // namespace

Result<Secp256k1Public> parse_secp256k1_public(ByteView bytes) {
  TRY_ASSIGN(const auto key, parse(bytes));
  return serialize(key);
}

Secp256k1Key::Secp256k1Key(SecretBytes scalar, const Secp256k1Public& pub)
    : scalar_(std::move(scalar)), public_(pub) {}

Secp256k1Key Secp256k1Key::generate() {
  for (;;) {
    // One in 2^128 random numbers is zero or not below the group's order.
    if (auto key = from_scalar(random_secret(32))) return std::move(*key);
  }
}

Result<Secp256k1Key> Secp256k1Key::from_scalar(SecretBytes scalar) {
  if (scalar.size() != 32) return fail(Errc::malformed, "secp256k1: a scalar has 32 bytes");
  const Context context = blinded_context();
  secp256k1_pubkey key{};
  if (secp256k1_ec_pubkey_create(context.get(), &key, scalar.reveal().data()) != 1) {
    return fail(Errc::malformed, "secp256k1: the scalar is out of range");
  }
  return Secp256k1Key(std::move(scalar), serialize(key));
}

Result<SecretBytes> Secp256k1Key::agree_x(const Secp256k1Public& peer) const {
  TRY_ASSIGN(const auto key, parse(peer));
  SecretBytes out(32);
  must(secp256k1_ecdh(secp256k1_context_static, out.reveal().data(), &key, scalar_.reveal().data(),
                      copy_x, nullptr) == 1);
  return out;
}

EthSignature Secp256k1Key::sign_eip191(std::string_view text) const {
  const auto digest = eip191_digest(text);
  const Context context = blinded_context();
  secp256k1_ecdsa_recoverable_signature signature{};
  // The null nonce function is RFC 6979; the result always has a low s.
  must(secp256k1_ecdsa_sign_recoverable(context.get(), &signature, digest.data(),
                                        scalar_.reveal().data(), nullptr, nullptr) == 1);
  EthSignature out{};
  int recovery_id = 0;
  must(secp256k1_ecdsa_recoverable_signature_serialize_compact(context.get(), out.data(),
                                                               &recovery_id, &signature) == 1);
  out[64] = static_cast<std::uint8_t>(27 + recovery_id);
  return out;
}

ByteArray<32> eip191_digest(std::string_view text) {
  // 0x19 in octal: a hexadecimal escape would swallow the E.
  return keccak256(as_bytes(fmt::format("\031Ethereum Signed Message:\n{}{}", text.size(), text)));
}

Result<Secp256k1Public> recover_eip191(std::string_view text, const EthSignature& signature) {
  const auto bad = [] { return fail(Errc::bad_signature, "EIP-191: no key can be recovered"); };
  const int recovery_id = signature[64] - 27;
  if (recovery_id != 0 && recovery_id != 1) return bad();
  const secp256k1_context* context = secp256k1_context_static;
  secp256k1_ecdsa_recoverable_signature recoverable{};
  if (secp256k1_ecdsa_recoverable_signature_parse_compact(context, &recoverable, signature.data(),
                                                          recovery_id) != 1) {
    return bad();
  }
  // EIP-2: of the two signatures with s and -s only the lower one counts.
  secp256k1_ecdsa_signature plain{};
  must(secp256k1_ecdsa_recoverable_signature_convert(context, &plain, &recoverable) == 1);
  if (secp256k1_ecdsa_signature_normalize(context, nullptr, &plain) != 0) return bad();
  const auto digest = eip191_digest(text);
  secp256k1_pubkey key{};
  if (secp256k1_ecdsa_recover(context, &key, &recoverable, digest.data()) != 1) return bad();
  return serialize(key);
}

EthAddress eth_address(const Secp256k1Public& key) {
  const auto hash = keccak256(ByteView(key).subspan(1));
  EthAddress out{};
  std::copy(hash.end() - 20, hash.end(), out.begin());
  return out;
}

std::string to_eip55(const EthAddress& address) {
  std::string digits = to_hex(address);
  const std::string hash = to_hex(keccak256(as_bytes(digits)));
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const bool is_letter = digits[i] >= 'a';
    if (is_letter && hash[i] >= '8') digits[i] = static_cast<char>(digits[i] - 'a' + 'A');
  }
  return "0x" + digits;
}

}  // namespace confide::crypto
