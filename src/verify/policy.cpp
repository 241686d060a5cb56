#include "verify/policy.h"

#include <algorithm>

#include "verify/amd_roots.h"
#include "verify/nvidia_root.h"

namespace confide::verify {
namespace {

std::vector<BuiltInRoot> list_roots() {
  std::vector<BuiltInRoot> out{{"intel-sgx", Anchor::intel_sgx, intel_sgx_root()}};
  const auto amd = amd_roots();
  out.push_back({"amd-milan", Anchor::amd_milan, amd[0]});
  out.push_back({"amd-genoa", Anchor::amd_genoa, amd[1]});
  out.push_back({"amd-turin", Anchor::amd_turin, amd[2]});
  out.push_back({"nvidia-device", Anchor::nvidia_device, nvidia_device_root()});
  out.push_back({"nvidia-rim", Anchor::nvidia_rim, nvidia_rim_root()});
  return out;
}

}  // namespace

const std::vector<BuiltInRoot>& built_in_roots() {
  static const std::vector<BuiltInRoot> kRoots = list_roots();
  return kRoots;
}

Policy Policy::strict() {
  Policy out;
  for (const BuiltInRoot& root : built_in_roots()) out.trust(root.certificate);
  return out;
}

void Policy::trust(const crypto::Certificate& root) {
  const auto same = [&root](const auto& known) { return known.certificate == root; };
  if (std::ranges::any_of(roots, same)) return;
  const auto& known = built_in_roots();
  const auto built_in = std::ranges::find_if(known, same);
  if (built_in == known.end()) {
    roots.push_back({.certificate = root, .simulated = true});
  } else {
    roots.push_back({.certificate = root, .simulated = false, .anchors = built_in->anchors});
  }
}

}  // namespace confide::verify
