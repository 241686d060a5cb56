#include "crypto/random.h"

#include <openssl/rand.h>

#include "crypto/aws_lc.h"

namespace confide::crypto {

void random_fill(std::span<std::uint8_t> out) { must(RAND_bytes(out.data(), out.size()) == 1); }

Bytes random_bytes(std::size_t n) {
  Bytes out(n);
  random_fill(out);
  return out;
}

SecretBytes random_secret(std::size_t n) {
  SecretBytes out(n);
  random_fill(out.reveal());
  return out;
}

}  // namespace confide::crypto
