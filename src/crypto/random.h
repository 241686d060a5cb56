// The system's random numbers.
#pragma once

#include "base/bytes.h"
#include "base/secret.h"

namespace confide::crypto {

// Aborts if the generator fails: there is no safe way on.
void random_fill(std::span<std::uint8_t> out);
Bytes random_bytes(std::size_t n);
SecretBytes random_secret(std::size_t n);

// Gives OpenSSL a locked, wiped place for the private keys it holds itself. Once, at start; without
// it they lie on the ordinary heap, wiped but not locked.
void reserve_secure_memory();

}  // namespace confide::crypto
