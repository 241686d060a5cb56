// The SGX extension of PCK certificates: what Intel certifies about a platform.
// Intel SGX PCK Certificate and CRL Profile Specification 1.5, section 1.3.5.
#pragma once

#include "base/bytes.h"

namespace confide::crypto {

inline constexpr const char* kSgxExtensionOid = "1.2.840.113741.1.13.1";

struct SgxExtension {
  ByteArray<16> ppid{};            // .1
  ByteArray<16> tcb_components{};  // .2.1 to .2.16: one security version number each
  std::uint16_t pce_svn = 0;       // .2.17
  ByteArray<16> cpu_svn{};         // .2.18
  ByteArray<2> pce_id{};           // .3
  ByteArray<6> fmspc{};            // .4
};

// Reads the extension's value, as Certificate::extension() returns it. Members of later arcs (SGX
// type, platform instance, configuration) are ignored. Fails with `malformed` if one of those above
// is missing, doubled, of another type or length, or if the text is not DER.
Result<SgxExtension> parse_sgx_extension(ByteView der);

// The same backwards, for who issues PCK certificates: the simulator and tests.
Bytes encode_sgx_extension(const SgxExtension& extension);

}  // namespace confide::crypto
