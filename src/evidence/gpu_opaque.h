// What NVIDIA devices say of themselves in the opaque data of an SPDM report. Parses; judges
// nothing. Field numbers are those of NVIDIA's published verifiers (docs/protocols/gpu.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "evidence/gpu_evidence.h"
#include "evidence/spdm.h"

namespace confide::evidence {

using DevicePdi = ByteArray<8>;  // "per-device identifier"

enum class GpuStatus { enabled, disabled, unknown };    // 0xAA, 0x55, anything else
enum class GpuMode { spt, mpt, ppcie, unknown };        // FEATURE_FLAG 0, 1, 2, anything else
std::string_view to_string(GpuStatus status) noexcept;  // enabled, disabled, unknown
std::string_view to_string(GpuMode mode) noexcept;      // SPT, MPT, PPCIE, unknown

// Members without a value were not in the report.
struct GpuOpaque {
  GpuDeviceKind kind = GpuDeviceKind::gpu;  // a GPU names its driver, a switch has none
  std::string driver_version;               // "550.90.07"; empty for a switch
  std::string vbios_version;                // "96.00.9F.00.01"; a switch's BIOS likewise
  std::string project;
  std::string project_sku;
  std::string chip_sku;
  std::string chip_info;  // GB100, ...; Blackwell and later
  std::optional<GpuStatus> nvdec0;
  std::optional<GpuStatus> protected_pcie;
  std::optional<std::uint64_t> opaque_data_version;
  std::optional<GpuMode> mode;
  std::optional<ByteArray<48>> fwid;
  std::vector<DevicePdi> switch_pdis;  // of a GPU: the switch at the end of each link, zero if none
  std::optional<DevicePdi> device_pdi;  // of a switch
  std::vector<DevicePdi> gpu_pdis;      // of a switch: the GPUs it connects
};

// Fails with `malformed` on a field of the wrong size or text that is not printable ASCII, or if
// the fields are neither a GPU's nor a switch's; `unsupported` on an opaque data version above 1.
// Fields of unknown type are ignored.
Result<GpuOpaque> parse_gpu_opaque(const SpdmReport& report);

// NVIDIA's name without its prefix: DRIVER_VERSION, ... or TYPE_200 for an unknown one.
std::string opaque_field_name(std::uint16_t type, GpuDeviceKind kind);

// The names NVIDIA's RIM service uses: driver (GPUs only) and VBIOS.
std::vector<std::string> rim_ids_of(const GpuOpaque& opaque, std::string_view architecture);

}  // namespace confide::evidence
