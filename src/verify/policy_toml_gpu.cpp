#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "evidence/gpu_evidence.h"
#include "verify/policy_toml.h"

namespace confide::verify {
namespace {

constexpr std::array<std::pair<std::string_view, GpuDemand>, 3> kDemands{
    {{"none", GpuDemand::none}, {"any", GpuDemand::any}, {"all", GpuDemand::all}}};
constexpr std::array<std::pair<std::string_view, bool GpuPolicy::*>, 3> kFlags{
    {{"require_ocsp", &GpuPolicy::require_ocsp},
     {"require_switches", &GpuPolicy::require_switches},
     {"require_reference_values", &GpuPolicy::require_reference_values}}};
constexpr std::array<std::pair<std::string_view, std::set<std::string> GpuPolicy::*>, 3> kVersions{
    {{"driver_version", &GpuPolicy::driver_versions},
     {"vbios_version", &GpuPolicy::vbios_versions},
     {"switch_bios_version", &GpuPolicy::switch_bios_versions}}};
constexpr std::array<std::pair<std::string_view, std::string GpuPolicy::*>, 2> kFloors{
    {{"min_driver_version", &GpuPolicy::min_driver_version},
     {"min_vbios_version", &GpuPolicy::min_vbios_version}}};
constexpr std::int64_t kMaxGraceSeconds = std::int64_t{366} * 24 * 3600;
constexpr std::size_t kMaxVersion = 64;

// "550.90.07", "96.00.9F.00.01": digits or hex digits in parts.
bool is_version(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEFabcdef";
  return !text.empty() && text.size() <= kMaxVersion && !text.starts_with('.') &&
         !text.ends_with('.') && text.find("..") == std::string_view::npos &&
         std::ranges::all_of(
             text, [&](char c) { return c == '.' || kDigits.find(c) != std::string_view::npos; });
}

template <std::size_t N>
TomlSection::Predicate one_of(const std::array<std::string_view, N>& names) {
  return [&names](std::string_view text) { return std::ranges::find(names, text) != names.end(); };
}

Status read_demand(TomlSection& gpu, GpuDemand& out) {
  const auto find = [](std::string_view text) {
    return std::ranges::find(kDemands, text, [](const auto& demand) { return demand.first; });
  };
  std::string text(kDemands.back().first);
  TRY(gpu.read(
      "required", text, [&](std::string_view value) { return find(value) != kDemands.end(); },
      "none, any or all"));
  out = find(text)->second;
  return {};
}

}  // namespace

Status read_gpu(TomlSection& gpu, GpuPolicy& out) {
  TRY(read_demand(gpu, out.required));
  TRY(gpu.read("min_count", out.min_count, evidence::kMaxGpuDevices));
  TRY(gpu.read("architecture", out.architectures, one_of(kGpuArchitectures), "a GPU architecture"));
  TRY(gpu.read("mode", out.modes, one_of(kGpuModes), "a confidential-computing mode"));
  for (const auto& [name, member] : kVersions) {
    TRY(gpu.read(name, out.*member, is_version, "a version"));
  }
  for (const auto& [name, member] : kFloors) {
    TRY(gpu.read(name, out.*member, is_version, "a version"));
  }
  for (const auto& [name, member] : kFlags) TRY(gpu.read(name, out.*member));
  std::int64_t grace = out.ocsp_grace.count();
  TRY(gpu.read("ocsp_grace_seconds", grace, kMaxGraceSeconds));
  out.ocsp_grace = std::chrono::seconds{grace};
  return {};
}

toml::table write_gpu(const GpuPolicy& policy) {
  const GpuPolicy strict;
  toml::table out;
  if (policy.required != strict.required) {
    const auto* const demand = std::ranges::find(kDemands, policy.required,
                                                 [](const auto& known) { return known.second; });
    out.insert("required", demand->first);
  }
  if (policy.min_count != strict.min_count) {
    out.insert("min_count", static_cast<std::int64_t>(policy.min_count));
  }
  put(out, "architecture", policy.architectures);
  put(out, "mode", policy.modes);
  for (const auto& [name, member] : kVersions) put(out, name, policy.*member);
  for (const auto& [name, member] : kFloors) {
    if (!(policy.*member).empty()) out.insert(name, policy.*member);
  }
  for (const auto& [name, member] : kFlags) {
    if (policy.*member != strict.*member) out.insert(name, policy.*member);
  }
  if (policy.ocsp_grace != strict.ocsp_grace) {
    out.insert("ocsp_grace_seconds", std::int64_t{policy.ocsp_grace.count()});
  }
  return out;
}

}  // namespace confide::verify
