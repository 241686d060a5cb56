// DMTF SPDM 1.1 (DSP0274) GET_MEASUREMENTS and its answer, as NVIDIA devices sign them. Parses;
// judges nothing. Offsets in docs/protocols/gpu.md.
#pragma once

#include <vector>

#include "base/bytes.h"

namespace confide::evidence {

using SpdmNonce = ByteArray<32>;

struct SpdmRequest {         // 37 bytes
  std::uint8_t version = 0;  // 0x11: SPDM 1.1
  std::uint8_t code = 0;     // 0xE0: GET_MEASUREMENTS
  std::uint8_t param1 = 0;   // bit 0: a signature is requested
  std::uint8_t param2 = 0;   // 0xFF: all blocks
  SpdmNonce nonce{};         // the verifier's
  std::uint8_t slot = 0;
};

struct SpdmMeasurement {
  std::uint8_t index = 0;  // 1..254, each once
  std::uint8_t type = 0;   // DMTFSpecMeasurementValueType, bits 6:0
  bool raw = false;        // its bit 7: the value is no digest but the measured bytes
  Bytes value;
};

struct SpdmOpaqueField {  // NVIDIA's: type, size and value, each type once
  std::uint16_t type = 0;
  Bytes value;
};

struct SpdmReport {
  SpdmRequest request;
  std::uint8_t version = 0;  // of the response, and so on
  std::uint8_t code = 0;     // 0x60: MEASUREMENTS
  std::uint8_t param1 = 0;
  std::uint8_t param2 = 0;
  std::vector<SpdmMeasurement> measurements;  // in the report's order
  SpdmNonce responder_nonce{};
  std::vector<SpdmOpaqueField> opaque;  // in the report's order
  ByteArray<96> signature{};            // the last bytes: ECDSA P-384, r || s, over signed_bytes
  Bytes signed_bytes;                   // request || response without its signature
  std::size_t surplus = 0;              // bytes between the two, which nothing signs
};

inline constexpr std::size_t kMaxSpdmReportBytes = 64 * 1024;

// Reads request || response. Fails with `malformed` on lengths and counts that do not add up and on
// repeated indexes or field types, `unsupported` on another version or measurement specification,
// `limit`. Surplus bytes are counted, not refused: the verifier does that.
Result<SpdmReport> parse_spdm_report(ByteView bytes);

// Null if there is none.
const SpdmMeasurement* find_measurement(const SpdmReport& report, unsigned index) noexcept;
const Bytes* find_opaque(const SpdmReport& report, std::uint16_t type) noexcept;

}  // namespace confide::evidence
