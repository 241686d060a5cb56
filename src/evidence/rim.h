// NVIDIA's reference integrity manifests (RIM): signed SWID tags (ISO/IEC 19770-2) after TCG's RIM
// information model, with the measurements that a driver or a VBIOS must give. Parses; judges
// nothing, not even the signature.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace confide::evidence {

enum class RimKind { driver, vbios, nvswitch };
std::string_view to_string(RimKind kind) noexcept;  // driver, vbios, switch

struct RimMeasurement {
  unsigned index = 0;  // the SPDM block's index less one; each once
  bool active = false;
  std::size_t size = 0;       // bytes of each value
  std::vector<Bytes> values;  // any of them may be the one measured
};

struct Rim {
  std::string product;  // GH100, LS10, ...
  std::string edition;  // GPU, SWITCH
  std::string version;  // of the driver or VBIOS: 550.90.07, 96.00.9F.00.01
  RimKind kind = RimKind::driver;
  std::vector<RimMeasurement> measurements;  // in the document's order
  std::vector<Bytes> certificates;           // DER, as KeyInfo lists them: signer first; not judged
};

inline constexpr std::size_t kMaxRimBytes = std::size_t{1} << 20U;

// Fails with `malformed`, or `limit`. No document type, no entities, no I/O.
Result<Rim> parse_rim(std::string_view xml);

// Null if there is none.
const RimMeasurement* find_measurement(const Rim& rim, unsigned index) noexcept;

}  // namespace confide::evidence
