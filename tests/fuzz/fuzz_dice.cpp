// Any bytes as a DICE certificate's extension: refused, or the digest stands in them.
#include <algorithm>
#include <cstdlib>

#include "crypto/dice.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const confide::ByteView bytes(data, size);
  for (const char* oid : {confide::crypto::kDiceIdOid, confide::crypto::kDiceTcbInfoOid}) {
    const auto digest = confide::crypto::parse_dice_fwid(oid, bytes);
    if (digest && std::ranges::search(bytes, *digest).empty()) std::abort();
  }
  return 0;
}
