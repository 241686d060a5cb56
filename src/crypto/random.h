// Random numbers of a generator that the kernel seeds.
#pragma once

#include "base/bytes.h"
#include "base/secret.h"

namespace confide::crypto {

// Aborts if the generator fails: there is no safe way on.
void random_fill(std::span<std::uint8_t> out);
Bytes random_bytes(std::size_t n);
SecretBytes random_secret(std::size_t n);

}  // namespace confide::crypto
