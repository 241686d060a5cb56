// The simulator's trust anchor on disk: `sim-root.key` (PKCS#8 DER, mode 0600) and `sim-root.pem`,
// the certificate that users name to accept simulated evidence.
#pragma once

#include <string>

#include "base/clock.h"
#include "crypto/p256.h"
#include "crypto/x509.h"

namespace confide::attest {

inline constexpr const char* kSimRootKeyFile = "sim-root.key";
inline constexpr const char* kSimRootCertificateFile = "sim-root.pem";

// A certificate and the key it is for.
struct SimIssuer {
  crypto::P256Key key;
  crypto::Certificate certificate;
};

// Makes the folder (mode 0700) and both files if they are missing; the same root comes back on
// every later call. A first start that was cut off is finished. Processes that call this at once
// wait for each other. Fails with `unavailable`, `malformed` or `mismatch` if the folder cannot be
// used or holds half a root or two that do not belong together, and changes nothing then; `expired`
// if `now` is outside the root's validity.
Result<SimIssuer> open_sim_root(const std::string& state_dir, Time now);

}  // namespace confide::attest
