#include "verify/gpu.h"

#include <algorithm>
#include <utility>

#include "commands.h"
#include "finder.h"
#include "inputs.h"
#include "outcome.h"
#include "output.h"
#include "verify/binding.h"
#include "verify/tdx.h"

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

// The CPU's quote, if the nonce is to follow from it.
struct Cpu {
  Bytes quote;
  std::optional<evidence::TdxCollateral> collateral;
  evidence::ReportData report_data{};
};

verify::GpuNonceRule nonce_rule(const GpuOptions& options) {
  return options.nonce_rule == "report-data-tail" ? verify::GpuNonceRule::report_data_tail
                                                  : verify::GpuNonceRule::derived;
}

Result<std::optional<Cpu>> load_cpu(const GpuOptions& options, Time at) {
  if (options.quote_path.empty()) return std::nullopt;
  Cpu out;
  TRY_ASSIGN(out.quote, load_evidence(options.quote_path, "quote", {"quote.bin"}));
  TRY_ASSIGN(out.collateral, find_tdx_collateral(options.collateral_path, options.common.fetch,
                                                 out.quote, at, options.common.json));
  TRY_ASSIGN(const auto quote, evidence::parse_dcap_quote(out.quote));
  if (quote.td() == nullptr) return fail(Errc::unsupported, "an SGX enclave has no GPUs");
  out.report_data = quote.td()->report_data;
  return out;
}

Result<evidence::SpdmNonce> find_nonce(const GpuOptions& options, const std::optional<Cpu>& cpu) {
  if (cpu) return verify::gpu_nonce(nonce_rule(options), cpu->report_data);
  auto given = from_hex_array<kNonceBytes>(options.nonce, HexCase::any);
  if (!given) return fail(Errc::malformed, "--nonce takes 64 hexadecimal digits");
  return *given;
}

// Everything that is judged, in order; the first error stands.
void judge(const GpuOptions& options, const Ground& ground, const std::optional<Cpu>& cpu,
           std::span<const evidence::GpuEvidence> devices,
           const std::optional<evidence::GpuReferences>& references, Outcome& outcome) {
  const auto note = [&outcome](const auto& result) {
    if (!result && !outcome.error) outcome.error = result.error();
  };
  if (cpu) {
    note(verify::verify_tdx(cpu->quote, cpu->collateral ? &*cpu->collateral : nullptr,
                            ground.policy, ground.at, outcome.verdict));
  }
  const auto nonce = find_nonce(options, cpu);
  const auto proof = verify::verify_gpus(devices, references ? &*references : nullptr,
                                         nonce ? ByteView(*nonce) : ByteView(), ground.policy,
                                         ground.at, outcome.verdict);
  note(proof);
  if (proof) outcome.proven = what_it_proves(*proof);
  if (!cpu) return;
  note(verify::verify_gpu_binding(
      {.report_data = cpu->report_data, .rule = nonce_rule(options), .devices = devices},
      outcome.verdict));
  outcome.proven += ", working for the genuine Intel TDX hardware of this quote";
}

}  // namespace

int verify_gpu(const GpuOptions& options) {
  const bool json = options.common.json;
  const auto ground = load_ground(options.common);
  if (!ground) return unusable(ground.error(), json);
  const auto cpu = load_cpu(options, ground->at);
  if (!cpu) return give_up(cpu.error(), json);
  if (!*cpu) {
    if (const auto nonce = find_nonce(options, *cpu); !nonce) return unusable(nonce.error(), json);
  }
  const auto devices = load_devices(options);
  if (!devices && !is_damage(devices.error())) return unusable(devices.error(), json);
  const evidence::GpuEvidenceList evidence = devices ? *devices : evidence::GpuEvidenceList{};
  const auto found = find_references(options, evidence, ground->at);
  if (!found && !is_damage(found.error())) return give_up(found.error(), json);

  Outcome outcome;
  judge(options, *ground, *cpu, evidence.devices,
        found ? *found : std::optional<evidence::GpuReferences>(), outcome);
  for (const Error* damage :
       {devices ? nullptr : &devices.error(), found ? nullptr : &found.error()}) {
    if (damage == nullptr) continue;
    outcome.error = *damage;
    if (!json) say("confide: " + damage->message);
  }
  if (found && !*found) outcome.hint = "no reference manifests: give --rim DIR or --fetch";
  if (*cpu && !(*cpu)->collateral) outcome.hint = "no collateral: give --collateral DIR or --fetch";
  add_session_claims(outcome, ground->policy);
  return conclude(options.common, outcome);
}

}  // namespace confide::app
