// Any bytes as a host's certificate table: parsed or refused, and every certificate lies within it.
#include <algorithm>
#include <cstdlib>

#include "evidence/snp_certificates.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace confide::evidence;
  const confide::ByteView table(data, size);
  for (const auto key : {SnpSigningKey::vcek, SnpSigningKey::vlek, SnpSigningKey::none}) {
    const auto found = parse_snp_certificate_table(table, key);
    if (!found) continue;
    for (const auto& part : {found->leaf, found->ica, found->ark, found->crl}) {
      if (part && (part->empty() || std::ranges::search(table, *part).empty())) std::abort();
    }
  }
  (void)parse_snp_certificate_table(table);
  return 0;
}
