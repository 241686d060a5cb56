// Any text as a signed XML document: refused, or its signature verifies with a certificate it
// carries.
#include <cstdlib>

#include "xmlsig/xml_signature.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto signers = confide::xmlsig::verify_enveloped_xml_signature({data, size});
  if (signers && signers->empty()) std::abort();
  return 0;
}
