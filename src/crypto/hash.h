// SHA-2, SHA3-384 and Keccak-256.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace confide::crypto {

using Sha256 = ByteArray<32>;
using Sha384 = ByteArray<48>;

Sha256 sha256(ByteView bytes);
Sha384 sha384(ByteView bytes);
ByteArray<64> sha512(ByteView bytes);
ByteArray<48> sha3_384(ByteView bytes);

// The original Keccak padding (0x01), as Ethereum uses it; not SHA3-256.
ByteArray<32> keccak256(ByteView bytes);

// "sha256:" and 64 lower-case hex digits, as ACI writes digests (contract 2.1).
std::string sha256_tag(ByteView bytes);
std::string sha256_tag(const Sha256& digest);

// SHA-256 over a stream. finish() may be called once.
class Sha256Stream {
 public:
  Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;
  ~Sha256Stream();
  void update(ByteView bytes);
  Sha256 finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace confide::crypto
