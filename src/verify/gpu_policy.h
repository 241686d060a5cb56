// What a policy asks of GPUs and NVSwitches. Rules G30 to G36 of docs/protocols/gpu.md.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace confide::verify {

enum class GpuDemand {
  none,  // no evidence is needed; what is given must pass all the same
  any,   // at least one GPU must pass; those that do not are listed, not trusted
  all,   // every device given must pass, and there must be one
};

// The names that GpuPolicy::architectures and GpuPolicy::modes may hold.
inline constexpr std::array<std::string_view, 3> kGpuArchitectures{"HOPPER", "BLACKWELL", "LS10"};
inline constexpr std::array<std::string_view, 3> kGpuModes{"SPT", "MPT", "PPCIE"};

// The defaults are the strict verdict: all that is given must pass every check.
struct GpuPolicy {
  GpuDemand required = GpuDemand::all;
  std::size_t min_count = 0;  // GPUs that must pass; switches are not counted
  // Accepted architectures of GPUs and switches; empty: all that are known.
  std::set<std::string> architectures;
  // Accepted confidential-computing modes. If named, a report that does not state its mode (early
  // drivers) fails; empty: every known mode, and an unstated one is reported as unknown.
  std::set<std::string> modes;
  // Accepted versions as the evidence spells them ("550.90.07", "96.00.9F.00.01"); empty: any.
  // They apply to GPUs. A switch has its own list.
  std::set<std::string> driver_versions;
  std::set<std::string> vbios_versions;
  std::set<std::string> switch_bios_versions;
  // Lowest accepted versions, compared part by part; empty: any.
  std::string min_driver_version;
  std::string min_vbios_version;
  // OCSP answers that are given are always judged, and must then cover every certificate; this
  // demands them.
  bool require_ocsp = false;
  // How long after its next_update an answer is still accepted. A revocation counts for ever.
  std::chrono::seconds ocsp_grace{0};
  // NVSwitch evidence must be given for every switch that the GPUs name.
  bool require_switches = false;
  // A report does not say whether development tools are on: only the comparison with reference
  // values, which are those of production mode, rules it out. Without them a device is genuine and
  // nothing more; false accepts that, and the claims say so.
  bool require_reference_values = true;
};

}  // namespace confide::verify
