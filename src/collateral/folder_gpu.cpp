#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/ascii.h"
#include "collateral/folder.h"
#include "evidence/rim.h"

namespace confide::collateral {
namespace {

namespace fs = std::filesystem;
using evidence::GpuDeviceKind;
using evidence::GpuEvidence;
using evidence::GpuEvidenceList;
using evidence::GpuReferences;

bool is_json(ByteView content) {
  const auto first = std::ranges::find_if(
      content, [](std::uint8_t c) { return c != ' ' && c != '\n' && c != '\r' && c != '\t'; });
  return first != content.end() && (*first == '[' || *first == '{');
}

Result<GpuEvidence> make_device(Bytes report, const std::string& chain) {
  GpuEvidence device;
  device.report = decode_evidence(std::move(report));
  if (chain.empty()) return device;
  TRY_ASSIGN(const Bytes pem, read_file(chain));
  device.chain_pem = as_text(pem);
  return device;
}

Result<GpuEvidence> read_device(const std::string& report, const std::string& chain) {
  TRY_ASSIGN(Bytes content, read_file(report));
  return make_device(std::move(content), chain);
}

// A device as case.json lists it.
Result<GpuEvidence> read_listed(const Folder& folder, const Json& entry) {
  TRY_ASSIGN(const std::string report_name, json::get_string(entry, "report"));
  TRY_ASSIGN(const std::string report, folder.resolve(report_name));
  std::string chain;
  if (json::find(entry, "chain") != nullptr) {
    TRY_ASSIGN(const std::string chain_name, json::get_string(entry, "chain"));
    TRY_ASSIGN(chain, folder.resolve(chain_name));
  }
  TRY_ASSIGN(GpuEvidence device, read_device(report, chain));
  if (json::find(entry, "type") == nullptr) return device;
  TRY_ASSIGN(const std::string type, json::get_string(entry, "type"));
  if (type != "gpu" && type != "switch") return fail(Errc::malformed, "unknown type of device");
  device.kind = type == "gpu" ? GpuDeviceKind::gpu : GpuDeviceKind::nvswitch;
  return device;
}

// Null if there is no such list.
Result<const Json*> listed_devices(const Folder& folder) {
  const Json* const files = json::find(folder.description(), "files");
  const Json* const devices = files == nullptr ? nullptr : json::find(*files, "devices");
  if (devices == nullptr) return devices;
  const std::string description = folder.path() + "/case.json";
  if (!devices->is_array()) return fail(Errc::malformed, description + ": no list of devices");
  if (devices->size() > evidence::kMaxGpuDevices) {
    return fail(Errc::malformed, description + ": too many devices");
  }
  return devices;
}

std::string pem_beside(const fs::path& report) {
  std::error_code ignored;
  const fs::path named = fs::path(report).replace_extension(".pem");
  if (fs::exists(named, ignored)) return named.string();
  const fs::path chain = report.parent_path() / "chain.pem";
  return fs::exists(chain, ignored) ? chain.string() : "";
}

Result<GpuEvidenceList> read_named_devices(const Folder& folder) {
  GpuEvidenceList out;
  TRY_ASSIGN(const auto reports, folder.ending_in({".bin"}));
  for (const std::string& report : reports) {
    const std::string name = fs::path(report).filename().string();
    std::optional<GpuDeviceKind> kind;
    if (name.starts_with("gpu_")) kind = GpuDeviceKind::gpu;
    if (name.starts_with("switch_")) kind = GpuDeviceKind::nvswitch;
    if (!kind && name != "report.bin") continue;
    if (out.devices.size() == evidence::kMaxGpuDevices) {
      return fail(Errc::limit, folder.path() + " holds too many devices");
    }
    TRY_ASSIGN(GpuEvidence device, read_device(report, pem_beside(report)));
    device.kind = kind;
    out.devices.push_back(std::move(device));
  }
  if (out.devices.empty()) {
    return fail(Errc::not_found, folder.path() +
                                     " holds no GPU evidence: neither case.json nor report.bin "
                                     "nor gpu_N.bin or switch_N.bin");
  }
  return out;
}

Result<GpuEvidenceList> read_folder(const std::string& path) {
  TRY_ASSIGN(const Folder folder, Folder::open(path));
  TRY_ASSIGN(const Json* const devices, listed_devices(folder));
  if (devices == nullptr) return read_named_devices(folder);
  GpuEvidenceList out;
  for (const Json& entry : *devices) {
    auto device = read_listed(folder, entry);
    if (!device) return tl::unexpected<Error>(in_file(path + "/case.json", device.error()));
    out.devices.push_back(std::move(*device));
  }
  return out;
}

// The device of a case.json beside `path` whose report `path` is.
Result<std::optional<GpuEvidence>> described_beside(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  TRY_ASSIGN(const Folder folder, Folder::open(parent.empty() ? "." : parent));
  TRY_ASSIGN(const Json* const devices, listed_devices(folder));
  if (devices == nullptr) return std::optional<GpuEvidence>();
  for (const Json& entry : *devices) {
    const auto name = json::get_string(entry, "report");
    const auto listed = name ? folder.resolve(*name) : name;
    std::error_code ignored;
    if (!listed || !fs::equivalent(*listed, path, ignored)) continue;
    TRY_ASSIGN(GpuEvidence device, read_listed(folder, entry));
    return std::optional<GpuEvidence>(std::move(device));
  }
  return std::optional<GpuEvidence>();
}

enum class RimRole { driver, vbios };

std::optional<RimRole> role_by_name(const std::string& path) {
  const std::string name = to_lower(fs::path(path).filename().string());
  if (name.find("driver") != std::string::npos) return RimRole::driver;
  if (name.find("bios") != std::string::npos) return RimRole::vbios;
  return std::nullopt;
}

Status add_rim(const std::string& path, std::optional<RimRole> role, GpuReferences& out) {
  TRY_ASSIGN(const Bytes content, read_file(path));
  std::string xml(as_text(content));
  if (!role) role = role_by_name(path);
  if (!role) {
    const auto rim = evidence::parse_rim(xml);
    if (!rim) return tl::unexpected<Error>(in_file(path, rim.error()));
    role = rim->kind == evidence::RimKind::driver ? RimRole::driver : RimRole::vbios;
  }
  (*role == RimRole::driver ? out.driver_rims : out.vbios_rims).push_back(std::move(xml));
  return {};
}

Status add_ocsp(std::span<const std::string> paths, GpuReferences& out) {
  for (const std::string& path : paths) {
    TRY_ASSIGN(out.ocsp.emplace_back(), read_file(path));
  }
  return {};
}

// Answers captured on other days than the evidence cannot be judged by one clock.
bool ocsp_is_of_another_time(const Folder& folder) {
  const Json* const evaluation = json::find(folder.description(), "evaluation_time");
  return std::ranges::any_of(std::array{"device_ocsp_time", "rim_ocsp_time"}, [&](auto name) {
    const Json* const time = json::find(folder.description(), name);
    return time != nullptr && evaluation != nullptr && *time != *evaluation;
  });
}

Result<std::vector<std::string>> ocsp_files(const Folder& folder) {
  const auto listed = folder.files("ocsp");
  if (!listed.empty()) return listed;
  return folder.ending_in({".der"}, "ocsp");
}

Status add_rim_folder(const std::string& path, GpuReferences& out) {
  TRY_ASSIGN(const Folder folder, Folder::open(path));
  const auto drivers = folder.files("driver_rim");
  const auto vbioses = folder.files("vbios_rim");
  for (const std::string& rim : drivers) TRY(add_rim(rim, RimRole::driver, out));
  for (const std::string& rim : vbioses) TRY(add_rim(rim, RimRole::vbios, out));
  for (const std::string& rim : folder.files("rim")) TRY(add_rim(rim, std::nullopt, out));
  const bool described = !folder.description().empty();
  if (!described) {
    TRY_ASSIGN(const auto found, folder.ending_in({".xml", ".swidtag"}));
    for (const std::string& rim : found) TRY(add_rim(rim, std::nullopt, out));
    if (found.empty()) {
      return fail(Errc::not_found, path + " holds no reference manifest: no .xml, no .swidtag");
    }
  }
  if (ocsp_is_of_another_time(folder)) return {};
  TRY_ASSIGN(const auto answers, ocsp_files(folder));
  return add_ocsp(answers, out);
}

Status add_ocsp_folder(const std::string& path, GpuReferences& out) {
  TRY_ASSIGN(const Folder folder, Folder::open(path));
  TRY_ASSIGN(auto answers, ocsp_files(folder));
  if (answers.empty()) {
    TRY_ASSIGN(answers, folder.ending_in({".der"}));
  }
  if (answers.empty()) return fail(Errc::not_found, path + " holds no OCSP answer: no .der");
  return add_ocsp(answers, out);
}

}  // namespace

Result<GpuEvidenceList> parse_gpu_content(const std::string& name, Bytes content,
                                          const std::string& chain_path) {
  GpuEvidenceList out;
  if (!is_json(content)) {
    TRY_ASSIGN(out.devices.emplace_back(), make_device(std::move(content), chain_path));
    return out;
  }
  const auto document = json::parse(as_text(content));
  if (!document) return tl::unexpected<Error>(in_file(name, document.error()));
  auto list = evidence::parse_gpu_evidence(*document);
  if (!list) return tl::unexpected<Error>(in_file(name, list.error()));
  return list;
}

Result<GpuEvidenceList> read_gpu_evidence(const std::string& path, const std::string& chain_path) {
  if (is_folder(path)) return read_folder(path);
  TRY_ASSIGN(Bytes content, read_file(path));
  if (chain_path.empty()) {
    TRY_ASSIGN(auto described, described_beside(path));
    if (described) return GpuEvidenceList{"", {*std::move(described)}};
  }
  return parse_gpu_content(path, std::move(content),
                           chain_path.empty() ? pem_beside(path) : chain_path);
}

Result<GpuReferences> read_gpu_references(std::span<const std::string> rims,
                                          std::span<const std::string> ocsp) {
  GpuReferences out;
  for (const std::string& path : rims) {
    TRY(is_folder(path) ? add_rim_folder(path, out) : add_rim(path, std::nullopt, out));
  }
  // Answers that are named replace those that came along.
  if (!ocsp.empty()) out.ocsp.clear();
  for (const std::string& path : ocsp) {
    TRY(is_folder(path) ? add_ocsp_folder(path, out) : add_ocsp(std::array{path}, out));
  }
  return out;
}

}  // namespace confide::collateral
