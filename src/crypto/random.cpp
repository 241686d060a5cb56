#include "crypto/random.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>

#include "crypto/openssl.h"

namespace confide::crypto {
namespace {

// OpenSSL takes an int for the length.
constexpr std::size_t kChunk = std::size_t{1} << 30U;

// Enough for tens of thousands of keys at once: exhausted, the heap fails instead of growing.
constexpr std::size_t kSecureBytes = std::size_t{1} << 20U;
constexpr std::size_t kSecureUnit = 32;

void fill(std::span<std::uint8_t> out, int (*generate)(unsigned char*, int)) {
  while (!out.empty()) {
    const std::size_t n = std::min(out.size(), kChunk);
    must(generate(out.data(), static_cast<int>(n)) == 1);
    out = out.subspan(n);
  }
}

}  // namespace

void random_fill(std::span<std::uint8_t> out) { fill(out, RAND_bytes); }

Bytes random_bytes(std::size_t n) {
  Bytes out(n);
  random_fill(out);
  return out;
}

SecretBytes random_secret(std::size_t n) {
  SecretBytes out(n);
  fill(out.reveal(), RAND_priv_bytes);
  return out;
}

// A heap that could not be locked is still apart and still wiped; ops/hardening.h warns of the
// limit.
void reserve_secure_memory() { must(CRYPTO_secure_malloc_init(kSecureBytes, kSecureUnit) != 0); }

}  // namespace confide::crypto
