// What GPU evidence says, for people and programs, in the names NVIDIA's verifiers use. Private to
// verify/.
#pragma once

#include "base/json.h"
#include "evidence/gpu_opaque.h"
#include "evidence/rim.h"
#include "evidence/spdm.h"
#include "verify/gpu_chain.h"
#include "verify/gpu_measurements.h"

namespace confide::verify {

void add_claims(Json& claims, const evidence::SpdmReport& report,
                const evidence::GpuOpaque& opaque);
// leaf_serial, ueid, hwmodel, leaf_fwid, leaf_fwid_oid, chain.
void add_claims(Json& claims, const CertificateChain& chain);
// product, edition, version, kind, resources, active, signer_chain.
void add_claims(Json& claims, const evidence::Rim& rim);
Json to_json(const MeasurementComparison& comparison);

// A certificate's serial number as NVIDIA writes it in `ueid`: decimal. `hex` is lower case.
std::string decimal_of(std::string_view hex);

}  // namespace confide::verify
