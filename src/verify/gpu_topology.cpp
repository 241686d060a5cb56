#include "verify/gpu_topology.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/bytes.h"

namespace confide::verify {
namespace {

using evidence::DevicePdi;
using evidence::GpuDeviceKind;

std::set<DevicePdi> links_of(const std::vector<DevicePdi>& named) {
  std::set<DevicePdi> out(named.begin(), named.end());
  out.erase(DevicePdi{});  // a link that leads nowhere
  return out;
}

// A GPU writes a switch's identifier in the byte order opposite to the switch's own.
DevicePdi reversed(DevicePdi pdi) {
  std::ranges::reverse(pdi);
  return pdi;
}

// Every key that identifies one device: of its boot ROM and of its own certificate.
std::set<crypto::Sha256> keys_of(const SeenDevice& device) {
  std::set<crypto::Sha256> out;
  const std::size_t own = std::min<std::size_t>(device.chain.size(), 2);
  for (std::size_t i = 0; i < own; ++i) out.insert(device.chain[i].spki_sha256());
  return out;
}

struct Fabric {
  std::set<DevicePdi> switches;                // that gave evidence
  std::vector<std::set<DevicePdi>> by_gpu;     // switches that each GPU names
  std::vector<std::set<DevicePdi>> by_switch;  // GPUs that each switch names
};

Fabric fabric_of(std::span<const SeenDevice> devices) {
  Fabric out;
  for (const SeenDevice& device : devices) {
    if (device.opaque.kind == GpuDeviceKind::nvswitch) {
      out.switches.insert(reversed(*device.opaque.device_pdi));
      out.by_switch.push_back(links_of(device.opaque.gpu_pdis));
    } else {
      out.by_gpu.push_back(links_of(device.opaque.switch_pdis));
    }
  }
  return out;
}

bool all_equal(const std::vector<std::set<DevicePdi>>& views) {
  return std::ranges::adjacent_find(views, std::ranges::not_equal_to()) == views.end();
}

}  // namespace

Status check_distinct(std::span<const SeenDevice> devices) {
  std::set<crypto::Sha256> keys;
  std::set<DevicePdi> pdis;
  for (const SeenDevice& device : devices) {
    for (const crypto::Sha256& key : keys_of(device)) {
      if (!keys.insert(key).second) return fail(Errc::mismatch, "G25: one device given twice");
    }
    if (device.opaque.device_pdi && !pdis.insert(*device.opaque.device_pdi).second) {
      return fail(Errc::mismatch, "G25: one switch given twice");
    }
  }
  return {};
}

Status check_topology(std::span<const SeenDevice> devices, const GpuPolicy& policy) {
  const Fabric fabric = fabric_of(devices);
  if (fabric.by_gpu.empty() || (fabric.switches.empty() && !policy.require_switches)) return {};
  if (!all_equal(fabric.by_gpu)) {
    return fail(Errc::mismatch, "G27: the GPUs name different switches");
  }
  if (fabric.by_gpu.front() != fabric.switches) {
    return fail(Errc::mismatch,
                fmt::format("G27: the GPUs name {} switches, {} gave evidence, and they differ",
                            fabric.by_gpu.front().size(), fabric.switches.size()));
  }
  if (!all_equal(fabric.by_switch)) {
    return fail(Errc::mismatch, "G27: the switches name different GPUs");
  }
  return {};
}

}  // namespace confide::verify
