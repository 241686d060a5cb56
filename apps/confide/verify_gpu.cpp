#include "verify/gpu.h"

#include <algorithm>
#include <utility>

#include "commands.h"
#include "finder.h"
#include "inputs.h"
#include "outcome.h"
#include "output.h"

namespace confide::app {
namespace {

constexpr std::size_t kNonceBytes = 32;

Result<evidence::GpuEvidenceList> load_devices(const GpuOptions& options) {
  if (options.common.path != "-") {
    return collateral::read_gpu_evidence(options.common.path, options.chain_path);
  }
  TRY_ASSIGN(const std::string content, read_stdin());
  return collateral::parse_gpu_content("stdin", to_bytes(as_bytes(content)), options.chain_path);
}

Result<std::optional<evidence::GpuReferences>> find_references(
    const GpuOptions& options, const evidence::GpuEvidenceList& evidence, Time at) {
  std::optional<evidence::GpuReferences> found;
  if (!options.rim_paths.empty() || !options.ocsp_paths.empty()) {
    TRY_ASSIGN(found, collateral::read_gpu_references(options.rim_paths, options.ocsp_paths));
  }
  if (options.common.fetch.none()) return found;
  if (!found) found.emplace();
  TRY_ASSIGN(Finder finder, Finder::open(options.common.fetch, at));
  TRY(finder.complete(evidence.devices, *found, options.common.json));
  return found;
}

// Genuine is not confidential: reference values rule development tools out, and the mode is what
// the report states.
std::string what_it_proves(const verify::VerifiedGpus& proof) {
  if (proof.devices().empty()) return "nothing about GPUs, as the policy allows";
  if (!std::ranges::all_of(proof.devices(), &verify::VerifiedGpu::matches_references)) {
    return "genuine NVIDIA hardware; not that it computes confidentially";
  }
  const auto states_mode = [](const verify::VerifiedGpu& device) {
    return device.mode.has_value() || device.kind == evidence::GpuDeviceKind::nvswitch;
  };
  if (!std::ranges::all_of(proof.devices(), states_mode)) {
    return "genuine NVIDIA hardware with production firmware; its confidential-compute mode is not "
           "stated";
  }
  return "genuine NVIDIA hardware in confidential-compute mode";
}

}  // namespace

int verify_gpu(const GpuOptions& options) {
  const bool json = options.common.json;
  const auto ground = load_ground(options.common);
  if (!ground) return unusable(ground.error(), json);
  const auto nonce = from_hex_array<kNonceBytes>(options.nonce, HexCase::any);
  if (!nonce) return unusable({Errc::malformed, "--nonce takes 64 hexadecimal digits"}, json);
  const auto devices = load_devices(options);
  if (!devices && !is_damage(devices.error())) return unusable(devices.error(), json);
  const evidence::GpuEvidenceList evidence = devices ? *devices : evidence::GpuEvidenceList{};
  const auto found = find_references(options, evidence, ground->at);
  if (!found && !is_damage(found.error())) return give_up(found.error(), json);

  Outcome outcome;
  const auto proof = verify::verify_gpus(evidence.devices, found && *found ? &**found : nullptr,
                                         *nonce, ground->policy, ground->at, outcome.verdict);
  if (proof) {
    outcome.proven = what_it_proves(*proof);
  } else {
    outcome.error = proof.error();
  }
  for (const Error* damage :
       {devices ? nullptr : &devices.error(), found ? nullptr : &found.error()}) {
    if (damage == nullptr) continue;
    outcome.error = *damage;
    if (!json) say("confide: " + damage->message);
  }
  if (found && !*found) outcome.hint = "no reference manifests: give --rim DIR or --fetch";
  add_session_claims(outcome, ground->policy);
  return conclude(options.common, outcome);
}

}  // namespace confide::app
