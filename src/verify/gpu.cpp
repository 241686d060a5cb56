#include "verify/gpu.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "verify/findings.h"
#include "verify/gpu_device.h"

namespace confide::verify {
namespace {

using evidence::GpuDeviceKind;

constexpr std::size_t kNonceBytes = 32;

GpuContext context_of(const evidence::GpuReferences* references, ByteView nonce,
                      const Policy& policy, Time at) {
  static const evidence::GpuReferences kNone;
  const evidence::GpuReferences& given = references == nullptr ? kNone : *references;
  return {.nonce = nonce,
          .driver_rims = RimShelf(given.driver_rims),
          .vbios_rims = RimShelf(given.vbios_rims),
          .ocsp = given.ocsp,
          .has_references = !given.driver_rims.empty() || !given.vbios_rims.empty(),
          .policy = policy,
          .at = at};
}

// One device's checks join the others'. Where the policy asks for any device that passes, what is
// wrong with another is shown but not held against the rest.
void append_checks(const JudgedDevice& device, std::size_t number, std::size_t count,
                   GpuDemand demand, Verdict& verdict) {
  const std::string prefix = count == 1 ? "" : fmt::format("device {}: ", number);
  const bool is_tolerated = demand == GpuDemand::any && device.first_failure.has_value();
  for (const Check& check : device.verdict.checks()) {
    std::string detail = prefix + check.detail;
    if (is_tolerated) {
      verdict.skip(check.id,
                   fmt::format("not trusted, {}: {}",
                               check.status == CheckStatus::fail ? "failed" : "unused", detail));
    } else if (check.status == CheckStatus::pass) {
      verdict.pass(check.id, std::move(detail));
    } else if (check.status == CheckStatus::fail) {
      verdict.fail(check.id, std::move(detail));
    } else {
      verdict.skip(check.id, std::move(detail));
    }
  }
  verdict.simulated = verdict.simulated || device.verdict.simulated;
}

Status check_usable(std::size_t devices, ByteView nonce) {
  if (nonce.size() != kNonceBytes) return fail(Errc::malformed, "G5: a nonce has 32 bytes");
  if (devices > evidence::kMaxGpuDevices) {
    return fail(Errc::limit, fmt::format("G24: {} devices", devices));
  }
  return {};
}

struct Count {
  std::size_t given = 0;
  std::size_t verified = 0;
};

Count count_of(const std::vector<JudgedDevice>& devices, std::span<const evidence::GpuEvidence> all,
               GpuDeviceKind kind) {
  Count out;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const JudgedDevice& device = devices[i];
    const GpuDeviceKind is =
        device.seen ? device.seen->opaque.kind : all[i].kind.value_or(GpuDeviceKind::gpu);
    if (is != kind) continue;
    ++out.given;
    if (device.verified) ++out.verified;
  }
  return out;
}

std::string_view describe(const Count& count) {
  if (count.verified == 0) return "none";
  return count.verified == count.given ? "all" : "some";
}

// G24 and G26.
Status accept_count(const Count& gpus, std::size_t devices, const GpuPolicy& policy) {
  if (devices == 0 && policy.required != GpuDemand::none) {
    return fail(Errc::policy, "G24: no evidence");
  }
  if (policy.required == GpuDemand::any && gpus.verified == 0) {
    return fail(Errc::policy, "G24: no GPU passed");
  }
  if (gpus.verified < policy.min_count) {
    return fail(Errc::policy,
                fmt::format("G26: {} GPUs passed, not {}", gpus.verified, policy.min_count));
  }
  return {};
}

std::vector<SeenDevice> seen_among(const std::vector<JudgedDevice>& devices, GpuDemand demand) {
  std::vector<SeenDevice> out;
  for (const JudgedDevice& device : devices) {
    if (!device.seen || (demand == GpuDemand::any && !device.verified)) continue;
    out.push_back(*device.seen);
  }
  return out;
}

void add_list(Json& claims, const std::vector<JudgedDevice>& devices, const char* name) {
  Json list = Json::array();
  for (const JudgedDevice& device : devices) {
    if (const Json* value = json::find(device.verdict.claims, name)) list.push_back(*value);
  }
  if (!list.empty()) claims[name] = std::move(list);
}

template <class Names>
void add_new(Json& list, const Names& names) {
  for (const std::string& name : names) {
    if (std::ranges::find(list, Json(name)) == list.end()) list.push_back(name);
  }
}

void add_claims(Json& claims, const std::vector<JudgedDevice>& devices) {
  Json list = Json::array();
  Json rim_ids = Json::array();
  Json ocsp_findings = Json::array();
  Json rims = Json::object();
  bool is_ok = !devices.empty();
  for (const JudgedDevice& device : devices) {
    const Json& of_device = device.verdict.claims;
    list.push_back(of_device);
    add_new(rim_ids, device.rim_ids);
    for (const std::string& finding : device.ocsp_findings) ocsp_findings.push_back(finding);
    is_ok = is_ok && of_device.at("evidence_ok").get<bool>();
    if (const Json* own = json::find(of_device, "rims")) {
      for (const auto& [role, rim] : own->items()) {
        if (!rims.contains(role)) rims[role] = rim;
      }
    }
  }
  if (devices.size() == 1) {
    for (const auto& [name, value] : list.front().items()) claims[name] = value;
  } else {
    for (const char* name : {"evidence_findings", "measurements"}) add_list(claims, devices, name);
  }
  claims["evidence_ok"] = is_ok;
  claims["rims"] = std::move(rims);
  claims["rim_ids"] = std::move(rim_ids);
  claims["ocsp_findings"] = std::move(ocsp_findings);
  claims["devices"] = std::move(list);
}

// Over all devices: G24 to G27.
void judge_together(const std::vector<JudgedDevice>& devices,
                    std::span<const evidence::GpuEvidence> given, const GpuPolicy& policy,
                    Findings& findings) {
  const Count gpus = count_of(devices, given, GpuDeviceKind::gpu);
  const Count switches = count_of(devices, given, GpuDeviceKind::nvswitch);
  Json& claims = findings.verdict().claims;
  claims["gpus"] = describe(gpus);
  claims["switches"] = describe(switches);
  claims["gpu_count"] = gpus.verified;
  claims["switch_count"] = switches.verified;
  findings.check("gpu.count", accept_count(gpus, devices.size(), policy),
                 fmt::format("{} of {} GPUs, {} of {} switches", gpus.verified, gpus.given,
                             switches.verified, switches.given));
  const std::vector<SeenDevice> seen = seen_among(devices, policy.required);
  findings.check("gpu.distinct", check_distinct(seen));
  findings.check("gpu.topology", check_topology(seen, policy));
}

}  // namespace

std::size_t VerifiedGpus::gpu_count() const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count(devices_, GpuDeviceKind::gpu, &VerifiedGpu::kind));
}

Result<VerifiedGpus> verify_gpus(std::span<const evidence::GpuEvidence> devices,
                                 const evidence::GpuReferences* references, ByteView nonce,
                                 const Policy& policy, Time at, Verdict& verdict) {
  Findings findings(verdict);
  if (const Status usable = check_usable(devices.size(), nonce); !usable) {
    findings.check("gpu.count", usable);
    verdict.claims["gpus"] = "none";
    return tl::unexpected<Error>(*findings.first_failure());
  }
  GpuContext context = context_of(references, nonce, policy, at);
  VerifiedGpus out;
  std::vector<JudgedDevice> judged;
  std::optional<Error> first;
  for (const evidence::GpuEvidence& device : devices) {
    judged.push_back(judge_device(device, context));
    const JudgedDevice& last = judged.back();
    append_checks(last, judged.size(), devices.size(), policy.gpu.required, verdict);
    if (last.verified) out.devices_.push_back(*last.verified);
    if (!first && policy.gpu.required != GpuDemand::any) first = last.first_failure;
  }
  add_claims(verdict.claims, judged);
  judge_together(judged, devices, policy.gpu, findings);
  if (!first) first = findings.first_failure();
  if (first) return tl::unexpected<Error>(*first);
  out.simulated_ = verdict.simulated;
  return out;
}

}  // namespace confide::verify
