// What NVIDIA's RIM service and OCSP responder are asked for a GPU or NVSwitch.
#pragma once

#include "collateral/query.h"
#include "crypto/x509.h"

namespace confide::collateral {

inline constexpr auto kNvidiaRim = "https://rim.attestation.nvidia.com";
inline constexpr auto kNvidiaOcsp = "https://ocsp.ndis.nvidia.com";

// How long a manifest is used before the service is asked again: it states no time itself.
inline constexpr std::chrono::days kRimLifetime{7};

// `id` as rim_ids_of() gives it. The entry's body is the XML. Fails with `malformed` if the id is
// not what ids are made of: it comes from evidence nobody has verified.
Result<Query> query_rim(std::string_view base, const std::string& id, Time at);

// Whether `subject` is revoked. The answer is kept only if it is rightly signed; otherwise its
// entry holds at no time. Fails with `internal`.
Result<Query> query_ocsp(std::string_view base, const crypto::Certificate& subject,
                         const crypto::Certificate& issuer, Time at);

}  // namespace confide::collateral
