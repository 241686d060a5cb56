// The extensions of AMD's VCEK and VLEK certificates: which chip, product and firmware patch levels
// a key stands for. AMD VCEK Certificate and KDS Interface Specification (57230), chapter 3.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "crypto/x509.h"

namespace confide::crypto {

// Arcs below 1.3.6.1.4.1.3704.1.
struct AmdExtension {
  std::uint8_t struct_version = 0;  // .1
  std::string product_name;         // .2: Milan-B0, Genoa, Turin-C1, ...
  std::uint8_t bl = 0;              // .3.1: security patch levels
  std::uint8_t tee = 0;             // .3.2
  std::uint8_t snp = 0;             // .3.3
  std::uint8_t spl4 = 0;            // .3.4 to .3.7 are reserved; what is absent is zero
  std::uint8_t spl5 = 0;
  std::uint8_t spl6 = 0;
  std::uint8_t spl7 = 0;
  std::uint8_t ucode = 0;             // .3.8
  std::optional<std::uint8_t> fmc;    // .3.9, on Turin
  std::optional<Bytes> hw_id;         // .4, of a VCEK: 64 bytes, on Turin 8
  std::optional<std::string> csp_id;  // .5, of a VLEK: whom it was issued to
};

// Fails with `malformed` if one of .1, .2, .3.1, .3.2, .3.3 and .3.8 is missing, or one that is
// there has another type or size than it must. hwID may stand bare, as AMD writes it, or as a DER
// OCTET STRING.
Result<AmdExtension> read_amd_extension(const Certificate& certificate);

// The same backwards, for who issues VCEKs in tests: OIDs and values, as CertificateRequest takes
// them. Reserved levels of zero are left out.
std::vector<std::pair<std::string, Bytes>> encode_amd_extension(const AmdExtension& extension);

}  // namespace confide::crypto
