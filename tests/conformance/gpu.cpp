// NVIDIA's evidence of one or more devices, with reference values and revocation answers.
#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "collateral/folder.h"
#include "kinds.h"
#include "roots.h"
#include "verify/gpu.h"

namespace confide::conformance {
namespace {

constexpr std::array kStages{
    Word{"gpu.report.parse", "", "parse"},
    Word{"gpu.report.signature", "", "signature"},
    Word{"gpu.report.nonce", "", "nonce"},
    Word{"gpu.device.chain", "", "chain"},
    Word{"gpu.device.chain", "", "cert_parse"},
    Word{"gpu.device.chain", "", "signature"},
    Word{"gpu.device.fwid", "", "fwid"},
    Word{"driver.parse", "", "rim_parse"},
    Word{"vbios.parse", "", "rim_parse"},
    Word{"driver.signature", "", "rim_signature"},
    Word{"vbios.signature", "", "rim_signature"},
    Word{"driver.chain", "", "rim_chain"},
    Word{"vbios.chain", "", "rim_chain"},
    Word{"driver.version", "", "rim_version"},
    Word{"vbios.version", "", "rim_version"},
    Word{"gpu.measurements", "", "measurements"},
    Word{".ocsp", "", "ocsp"},
    Word{"gpu.policy", "", "driver_version"},
    Word{"gpu.policy", "", "vbios_version"},
};

struct Input {
  std::vector<evidence::GpuEvidence> devices;
  std::optional<evidence::GpuReferences> references;  // nothing: there are none
  Bytes nonce;
  Time at{};
};

verify::Verdict judge(const Input& input, const verify::Policy& policy) {
  verify::Verdict verdict;
  const auto* references = input.references ? &*input.references : nullptr;
  const auto proof =
      verify::verify_gpus(input.devices, references, input.nonce, policy, input.at, verdict);
  if (proof.has_value() != verdict.passed()) {
    verdict.fail("runner.proof", "verdict and proof disagree");
  }
  return verdict;
}

Result<Input> read_input(const Case& from) {
  Input out;
  TRY_ASSIGN(out.at, from.time());
  TRY_ASSIGN(const std::string nonce, json::get_string(from.description, "nonce"));
  // One that is no nonce is for the verifier to refuse.
  if (auto bytes = from_hex(nonce, HexCase::any)) out.nonce = *std::move(bytes);
  const std::string folder = from.folder.string();
  auto evidence = collateral::read_gpu_evidence(folder);
  if (evidence) out.devices = std::move(evidence->devices);
  auto references = collateral::read_gpu_references({&folder, 1});
  if (references) out.references = *std::move(references);
  return out;
}

// What the case's user demands of the machine.
void add_demands(verify::GpuPolicy& policy, const Json& description) {
  const auto text = [&](const char* name) -> std::set<std::string> {
    const Json* value = json::find(description, name);
    if (value == nullptr || !value->is_string()) return {};
    return {value->get<std::string>()};
  };
  policy.driver_versions = text("expected_driver_version");
  policy.vbios_versions = text("expected_vbios_version");
  policy.require_ocsp = description.value("ocsp_required", Json()) == true;
}

// What each device's evidence is worth alone, without anything to compare it with.
bool each_by_itself(const Input& input, verify::Policy policy) {
  policy.gpu.require_reference_values = false;
  return std::ranges::all_of(input.devices, [&](const evidence::GpuEvidence& device) {
    const Input alone{.devices = {device}, .references = {}, .nonce = input.nonce, .at = input.at};
    return judge(alone, policy).passed();
  });
}

}  // namespace

Result<Answer> run_gpu(const Case& from) {
  TRY_ASSIGN(const Input input, read_input(from));
  verify::Policy policy = policy_for(from, {"device_root", "rim_root"});
  add_demands(policy.gpu, from.description);
  const verify::Verdict verdict = judge(input, policy);
  Answer answer = answer_from(verdict);
  if (input.devices.size() > 1) answer.parsed = verdict.claims.value("devices", Json());
  answer.faults["expected.stage"] = faults_of(verdict, kStages);
  answer.expected["verdict_evidence_only"] = each_by_itself(input, policy) ? "accept" : "reject";
  return answer;
}

}  // namespace confide::conformance
