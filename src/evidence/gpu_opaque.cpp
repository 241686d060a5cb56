#include "evidence/gpu_opaque.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace confide::evidence {
namespace {

enum Field : std::uint16_t {
  driver_version = 3,
  vbios_version = 6,
  nvdec0_status = 11,
  chip_sku = 15,
  project = 17,
  project_sku = 18,
  fwid = 20,
  protected_pcie_status = 21,
  pdi = 22,  // of a GPU: SWITCH_PDI; of a switch: DEVICE_PDI
  switch_gpu_pdis = 26,
  opaque_data_version = 34,
  chip_info = 35,
  feature_flag = 36,
};

constexpr std::array<std::pair<std::uint16_t, std::string_view>, 28> kNames{{
    {1, "CERT_ISSUER_NAME"},
    {2, "CERT_AUTHORITY_KEY_IDENTIFIER"},
    {3, "DRIVER_VERSION"},
    {4, "GPU_INFO"},
    {5, "SKU"},
    {6, "VBIOS_VERSION"},
    {7, "MANUFACTURER_ID"},
    {8, "TAMPER_DETECTION"},
    {9, "SMC"},
    {10, "VPR"},
    {11, "NVDEC0_STATUS"},
    {12, "MSRSCNT"},
    {13, "CPRINFO"},
    {14, "BOARD_ID"},
    {15, "CHIP_SKU"},
    {16, "CHIP_SKU_MOD"},
    {17, "PROJECT"},
    {18, "PROJECT_SKU"},
    {19, "PROJECT_SKU_MOD"},
    {20, "FWID"},
    {21, "PROTECTED_PCIE_STATUS"},
    {23, "FLOORSWEPT_PORTS"},
    {24, "POSITION_ID"},
    {25, "LOCK_SWITCH_STATUS"},
    {33, "SYS_ENABLE_STATUS"},
    {34, "OPAQUE_DATA_VERSION"},
    {35, "CHIP_INFO"},
    {36, "FEATURE_FLAG"},
}};

constexpr std::size_t kSwitchGpus = 8;  // the identifiers come first, then their ports
constexpr std::uint64_t kNewestOpaqueData = 1;

tl::unexpected<Error> bad(std::uint16_t type) {
  return fail(Errc::malformed, fmt::format("G3: unreadable opaque field {}", type));
}

// Text up to its terminating NULs; they, and printable ASCII before them, are all there may be.
Result<std::string> text_of(const Bytes& value, std::uint16_t type) {
  const auto end = std::ranges::find(value, 0);
  const auto is_printable = [](std::uint8_t c) { return c > 0x20 && c < 0x7F; };
  const auto is_nul = [](std::uint8_t c) { return c == 0; };
  if (!std::all_of(value.begin(), end, is_printable) || !std::all_of(end, value.end(), is_nul)) {
    return bad(type);
  }
  return std::string(value.begin(), end);
}

Status read_text(const SpdmReport& report, std::uint16_t type, std::string& out) {
  const Bytes* value = find_opaque(report, type);
  if (value == nullptr) return {};
  TRY_ASSIGN(out, text_of(*value, type));
  return {};
}

Status read_status(const SpdmReport& report, std::uint16_t type, std::optional<GpuStatus>& out) {
  const Bytes* value = find_opaque(report, type);
  if (value == nullptr) return {};
  if (value->size() != 1) return bad(type);
  switch (value->front()) {
    case 0xAA:
      out = GpuStatus::enabled;
      break;
    case 0x55:
      out = GpuStatus::disabled;
      break;
    default:
      out = GpuStatus::unknown;
  }
  return {};
}

template <std::size_t N>
Status read_array(const SpdmReport& report, std::uint16_t type, std::optional<ByteArray<N>>& out) {
  const Bytes* value = find_opaque(report, type);
  if (value == nullptr) return {};
  if (value->size() != N) return bad(type);
  out.emplace();
  std::ranges::copy(*value, out->begin());
  return {};
}

// A little-endian integer of one to eight bytes.
Status read_number(const SpdmReport& report, std::uint16_t type,
                   std::optional<std::uint64_t>& out) {
  const Bytes* value = find_opaque(report, type);
  if (value == nullptr) return {};
  if (value->empty() || value->size() > 8) return bad(type);
  out = 0;
  for (std::size_t i = value->size(); i-- > 0;) out = *out << 8U | (*value)[i];
  return {};
}

std::vector<DevicePdi> pdis_of(ByteView bytes) {
  std::vector<DevicePdi> out(bytes.size() / sizeof(DevicePdi));
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::ranges::copy(bytes.subspan(i * sizeof(DevicePdi), sizeof(DevicePdi)), out[i].begin());
  }
  return out;
}

// A GPU's VBIOS version is five bytes: 96.00.9F.00.01 stands as 00 9F 00 96 01.
Result<std::string> gpu_vbios_version(const Bytes& value) {
  if (value.size() != 8) return bad(vbios_version);
  return fmt::format("{:02X}.{:02X}.{:02X}.{:02X}.{:02X}", value[3], value[2], value[1], value[0],
                     value[4]);
}

Status read_gpu(const SpdmReport& report, GpuOpaque& out) {
  const Bytes* vbios = find_opaque(report, vbios_version);
  if (vbios == nullptr) return fail(Errc::malformed, "G3: no VBIOS version");
  TRY_ASSIGN(out.vbios_version, gpu_vbios_version(*vbios));
  TRY(read_text(report, project, out.project));
  TRY(read_text(report, project_sku, out.project_sku));
  TRY(read_text(report, chip_sku, out.chip_sku));
  TRY(read_text(report, chip_info, out.chip_info));
  TRY(read_status(report, nvdec0_status, out.nvdec0));
  TRY(read_status(report, protected_pcie_status, out.protected_pcie));
  TRY(read_number(report, opaque_data_version, out.opaque_data_version));
  if (out.opaque_data_version.value_or(0) > kNewestOpaqueData) {
    return fail(Errc::unsupported,
                fmt::format("G3: opaque data version {}", *out.opaque_data_version));
  }
  std::optional<std::uint64_t> flag;
  TRY(read_number(report, feature_flag, flag));
  constexpr std::array kModes{GpuMode::spt, GpuMode::mpt, GpuMode::ppcie};
  if (flag) out.mode = *flag < kModes.size() ? kModes.at(*flag) : GpuMode::unknown;
  TRY(read_array(report, fwid, out.fwid));
  if (const Bytes* switches = find_opaque(report, pdi)) {
    if (switches->size() % sizeof(DevicePdi) != 0) return bad(pdi);
    out.switch_pdis = pdis_of(*switches);
  }
  return {};
}

Status read_switch(const SpdmReport& report, GpuOpaque& out) {
  out.kind = GpuDeviceKind::nvswitch;
  TRY(read_text(report, vbios_version, out.vbios_version));
  TRY(read_array(report, pdi, out.device_pdi));
  if (out.vbios_version.empty() || !out.device_pdi) {
    return fail(Errc::malformed, "G3: neither a GPU's fields nor a switch's");
  }
  TRY(read_array(report, fwid, out.fwid));
  if (const Bytes* gpus = find_opaque(report, switch_gpu_pdis)) {
    if (gpus->size() < kSwitchGpus * sizeof(DevicePdi)) return bad(switch_gpu_pdis);
    out.gpu_pdis = pdis_of(ByteView(*gpus).first(kSwitchGpus * sizeof(DevicePdi)));
  }
  return {};
}

std::string without_dots(std::string text) {
  std::erase(text, '.');
  return text;
}

}  // namespace

std::string_view to_string(GpuStatus status) noexcept {
  constexpr std::array<std::string_view, 3> kTexts{"enabled", "disabled", "unknown"};
  return kTexts.at(static_cast<std::size_t>(status));
}

std::string_view to_string(GpuMode mode) noexcept {
  constexpr std::array<std::string_view, 4> kTexts{"SPT", "MPT", "PPCIE", "unknown"};
  return kTexts.at(static_cast<std::size_t>(mode));
}

Result<GpuOpaque> parse_gpu_opaque(const SpdmReport& report) {
  GpuOpaque out;
  TRY(read_text(report, driver_version, out.driver_version));
  if (out.driver_version.empty()) {
    TRY(read_switch(report, out));
  } else {
    TRY(read_gpu(report, out));
  }
  return out;
}

std::string opaque_field_name(std::uint16_t type, GpuDeviceKind kind) {
  if (type == pdi) return kind == GpuDeviceKind::gpu ? "SWITCH_PDI" : "DEVICE_PDI";
  if (type == switch_gpu_pdis && kind == GpuDeviceKind::nvswitch) return "SWITCH_GPU_PDIS";
  const auto* const at =
      std::ranges::find(kNames, type, &std::pair<std::uint16_t, std::string_view>::first);
  return at == kNames.end() ? fmt::format("TYPE_{}", type) : std::string(at->second);
}

std::vector<std::string> rim_ids_of(const GpuOpaque& opaque, std::string_view architecture) {
  const std::string bios = without_dots(opaque.vbios_version);
  // Every LS10 switch has the one board that NVIDIA's verifiers name.
  if (opaque.kind == GpuDeviceKind::nvswitch) return {"NV_SWITCH_BIOS_5612_0002_890_" + bios};
  const std::string chip = opaque.chip_info.empty() ? "GB100" : opaque.chip_info;
  return {architecture == "BLACKWELL"
              ? fmt::format("NV_GPU_CC_DRIVER_{}_{}", chip, opaque.driver_version)
              : fmt::format("NV_GPU_DRIVER_GH100_{}", opaque.driver_version),
          fmt::format("NV_GPU_VBIOS_{}_{}_{}_{}", opaque.project, opaque.project_sku,
                      opaque.chip_sku, bios)};
}

}  // namespace confide::evidence
