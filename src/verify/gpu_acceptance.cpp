#include "verify/gpu_acceptance.h"

#include <charconv>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>

namespace confide::verify {
namespace {

std::optional<std::vector<unsigned>> parts_of(std::string_view version, int base) {
  std::vector<unsigned> out;
  const char* at = version.data();
  const char* const end = at + version.size();
  while (true) {
    unsigned part = 0;
    const auto read = std::from_chars(at, end, part, base);
    if (read.ec != std::errc()) return std::nullopt;
    out.push_back(part);
    if (read.ptr == end) return out;
    if (*read.ptr != '.') return std::nullopt;
    at = read.ptr + 1;
  }
}

bool is_listed(const std::set<std::string>& accepted, const std::string& value) {
  return accepted.empty() || accepted.contains(value);
}

Status accept_version(std::string_view rule, const std::string& version,
                      const std::set<std::string>& accepted, const std::string& least, int base) {
  if (!is_listed(accepted, version)) {
    return fail(Errc::policy, fmt::format("{}: {} is not accepted", rule, version));
  }
  if (!least.empty() && !is_at_least(version, least, base)) {
    return fail(Errc::policy, fmt::format("{}: {} is below {}", rule, version, least));
  }
  return {};
}

}  // namespace

Status accept_mode(const evidence::GpuOpaque& opaque, const GpuPolicy& policy) {
  if (!opaque.mode) {
    return fail(Errc::policy, "G30: the report does not state its mode");
  }
  const std::string mode(to_string(*opaque.mode));
  if (*opaque.mode == evidence::GpuMode::unknown || !is_listed(policy.modes, mode)) {
    return fail(Errc::policy, "G30: mode " + mode);
  }
  return {};
}

Status accept_device(const std::string& architecture, const evidence::GpuOpaque& opaque,
                     const GpuPolicy& policy) {
  if (!is_listed(policy.architectures, architecture)) {
    return fail(Errc::policy, fmt::format("G31: {} is not accepted", architecture));
  }
  if (opaque.kind == evidence::GpuDeviceKind::nvswitch) {
    return accept_version("G33", opaque.vbios_version, policy.switch_bios_versions, "", 16);
  }
  TRY(accept_version("G32", opaque.driver_version, policy.driver_versions,
                     policy.min_driver_version, 10));
  return accept_version("G33", opaque.vbios_version, policy.vbios_versions,
                        policy.min_vbios_version, 16);
}

bool is_at_least(std::string_view version, std::string_view least, int base) {
  auto have = parts_of(version, base);
  auto want = parts_of(least, base);
  if (!have || !want) return false;
  const std::size_t size = std::max(have->size(), want->size());
  have->resize(size);
  want->resize(size);
  return *have >= *want;
}

}  // namespace confide::verify
