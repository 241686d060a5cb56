// What Intel's Provisioning Certification Service, or a PCCS that repeats it, is asked for a quote.
// Intel SGX and TDX Provisioning Certification Service API, version 4.
#pragma once

#include <string>

#include "collateral/query.h"

namespace confide::collateral {

inline constexpr auto kIntelPcs = "https://api.trustedservices.intel.com";

enum class PckCa { processor, platform };

// What collateral depends on in a quote.
struct PckIdentity {
  bool tdx = false;  // else SGX
  ByteArray<6> fmspc{};
  PckCa ca = PckCa::platform;
};

// Read from the quote's PCK certificate, which nobody has verified yet. Fails with `malformed` or
// `unsupported`.
Result<PckIdentity> pck_identity(ByteView quote);

// `base` is the service's URL up to /sgx/certification/v4, which may be there or not.
Query query_tcb_info(std::string_view base, const PckIdentity& pck);
Query query_qe_identity(std::string_view base, const PckIdentity& pck);
Query query_pck_crl(std::string_view base, const PckIdentity& pck);
// Intel publishes it at another address than the rest; a PCCS does not.
Query query_root_ca_crl(std::string_view base);

}  // namespace confide::collateral
