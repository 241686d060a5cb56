// Any text as a keyset: read or refused. The entries that were understood are a keyset of their
// own.
#include <cstdlib>

#include "aci/keyset.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace confide;
  const auto object = json::parse(as_text({data, size}));
  if (!object) return 0;
  const auto parsed = aci::parse_keyset(*object);
  if (!parsed) return 0;
  if (aci::keyset_digest(*object) != parsed->digest) std::abort();
  const Json understood = parsed->keyset.to_json();
  const auto again = aci::parse_keyset(understood);
  if (!again || again->keyset.to_json() != understood) std::abort();
  (void)parsed->keyset.lists_tls(std::string(64, '0'), "localhost");
  return 0;
}
