// AMD's root keys (ARK): the anchors of every genuine SEV-SNP report, VCEK and VLEK alike.
#pragma once

#include <span>

#include "crypto/x509.h"

namespace confide::verify {

// ARK-Milan, ARK-Genoa and ARK-Turin, as AMD's key distribution service serves them.
std::span<const crypto::Certificate> amd_roots();

}  // namespace confide::verify
