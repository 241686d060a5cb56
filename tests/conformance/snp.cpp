// AMD SEV-SNP reports with their certificates.
#include <array>
#include <string>

#include "collateral/folder.h"
#include "kinds.h"
#include "roots.h"
#include "verify/snp.h"

namespace confide::conformance {
namespace {

constexpr std::array kStages{
    Word{"snp.report.parse", "", "parse"},
    Word{"snp.report.parse", "version", "version"},
    Word{"snp.certificates", "", "cert_parse"},
    Word{"snp.certificates", "CRL", "crl_parse"},
    Word{"snp.chain.names", "", "chain"},
    Word{"snp.chain.names", "", "role"},
    Word{"snp.chain", "", "chain"},
    Word{"snp.chain", "expired", "expired"},
    Word{"snp.chain", "not yet valid", "not_yet_valid"},
    Word{"snp.chain", "root", "trust_anchor"},
    Word{"snp.leaf.extensions", "", "cert_parse"},
    Word{"snp.leaf.extensions", "chip", "chip_id"},
    Word{"snp.crl", "", "crl"},
    Word{"snp.crl", "revoked", "revoked"},
    Word{"snp.crl", "unable to get", "crl_issuer"},
    Word{"snp.crl", "signature", "crl_signature"},
    Word{"snp.crl", "expired", "crl_expired"},
    Word{"snp.signing_key", "", "signing_key"},
    Word{"snp.signing_key", "kind", "role"},
    Word{"snp.report.signature", "", "report_signature"},
    Word{"snp.report.signature", "SIGNATURE_ALGO", "signature_algo"},
    Word{"snp.product", "", "product"},
    Word{"snp.tcb", "", "tcb"},
    Word{"snp.chip_id", "", "chip_id"},
    Word{"snp.guest_policy", "", "policy"},
};

// The same by the names of the vectors' own verifier, which sees some faults as two.
constexpr std::array kFindings{
    Word{"snp.report.parse", "version", "report_version"},
    Word{"snp.report.parse", "", "parse"},
    Word{"snp.chain.names", "", "ica_name"},
    Word{"snp.chain.names", "", "leaf_name"},
    Word{"snp.chain.names", "", "signing_key_role"},
    Word{"snp.chain", "", "leaf_signature"},
    Word{"snp.chain", "", "leaf_signature:issuer_name"},
    Word{"snp.chain", "", "ica_signature"},
    Word{"snp.chain", "root", "ark_not_trusted"},
    Word{"snp.chain", "expired", "leaf_expired"},
    Word{"snp.chain", "expired", "ica_expired"},
    Word{"snp.chain", "not yet valid", "leaf_not_yet_valid"},
    Word{"snp.chain", "not yet valid", "ica_not_yet_valid"},
    Word{"snp.report.signature", "", "report_signature"},
    Word{"snp.report.signature", "SIGNATURE_ALGO", "signature_algo"},
    Word{"snp.signing_key", "", "signing_key"},
    Word{"snp.signing_key", "kind", "signing_key_role"},
    Word{"snp.signing_key", "kind", "chip_id!=hwid"},
    Word{"snp.product", "", "cpuid_product"},
    Word{"snp.tcb", "", "reported_tcb!=cert"},
    Word{"snp.leaf.extensions", "chip", "chip_id!=hwid"},
    Word{"snp.chip_id", "", "chip_id!=hwid"},
    Word{"snp.crl", "revoked", "ica_revoked"},
    Word{"snp.crl", "unable to get", "crl_issuer"},
    Word{"snp.crl", "unable to get", "crl_signature"},
    Word{"snp.crl", "signature", "crl_signature"},
    Word{"snp.crl", "expired", "crl_expired"},
};

struct Input {
  Bytes report;
  std::optional<evidence::SnpCertificates> certificates;  // nothing: they cannot be read
  Time at{};
};

verify::Verdict judge(const Input& input, const verify::Policy& policy) {
  verify::Verdict verdict;
  const auto* certificates = input.certificates ? &*input.certificates : nullptr;
  const auto proof = verify::verify_snp(input.report, certificates, policy, input.at, verdict);
  if (proof.has_value() != verdict.passed()) {
    verdict.fail("runner.proof", "verdict and proof disagree");
  }
  return verdict;
}

std::optional<evidence::SnpCertificates> read_certificates(const Case& from, ByteView report) {
  const auto parsed = evidence::parse_snp_report(report);
  const std::string folder = from.folder.string();
  auto out = collateral::read_snp_certificates(
      {&folder, 1}, parsed ? std::optional(parsed->key_info.signing_key()) : std::nullopt);
  if (!out) return {};
  return *std::move(out);
}

std::uint8_t level(const Json& floor, const char* name) {
  const Json* value = json::find(floor, name);
  return value != nullptr && value->is_number_unsigned() ? value->get<std::uint8_t>() : 0;
}

// A floor is no matter of the evidence: without a certified TCB nobody can say.
bool agrees_with_floor(const verify::Verdict& verdict, bool to_be_refused) {
  for (const verify::Check& check : verdict.checks()) {
    if (check.id != "snp.tcb.floor" || is_unjudged(check)) continue;
    return (check.status == verify::CheckStatus::fail) == to_be_refused;
  }
  return true;
}

// Each floor that the case gives as an example, if it is refused or accepted as the case names it.
Json floor_example(const Input& input, const verify::Policy& base, const Json& example) {
  Json out = Json::object();
  for (const auto& [name, floor] : example.items()) {
    verify::Policy policy = base;
    for (const char* product : {"Milan", "Genoa", "Turin"}) {
      policy.snp.min_tcb[product] = {.fmc = level(floor, "fmc"),
                                     .bl = level(floor, "bl"),
                                     .tee = level(floor, "tee"),
                                     .snp = level(floor, "snp"),
                                     .ucode = level(floor, "ucode")};
    }
    const bool agrees = agrees_with_floor(judge(input, policy), name == "reject");
    out[name] = agrees ? floor : Json(name == "reject" ? "accepted" : "refused");
  }
  return out;
}

// Findings of the evidence alone: the policy's have a member of their own.
Faults findings_of(const verify::Verdict& verdict) {
  verify::Verdict evidence;
  for (const verify::Check& check : verdict.checks()) {
    if (check.status == verify::CheckStatus::fail && check.id != "snp.guest_policy") {
      evidence.fail(check.id, check.detail);
    }
  }
  return faults_of(evidence, kFindings);
}

}  // namespace

Result<Answer> run_snp(const Case& from) {
  Input input;
  TRY_ASSIGN(input.report, from.read("report"));
  input.certificates = read_certificates(from, input.report);
  // A case without certificates says nothing about dates either.
  if (from.file("leaf") != nullptr) {
    TRY_ASSIGN(input.at, from.time());
  }
  const verify::Policy policy = policy_for(from, {});
  const verify::Verdict verdict = judge(input, policy);
  Answer answer = answer_from(verdict);
  if (from.file("leaf") == nullptr) answer.expected["crypto_ok"] = Json();  // nobody can say
  answer.faults["expected.stage"] = faults_of(verdict, kStages);
  answer.faults["expected.findings"] = findings_of(verdict);
  answer.faults["expected.findings_own_python"] = findings_of(verdict);
  const Json* expected = json::find(from.description, "expected");
  const Json* example = expected == nullptr ? nullptr : json::find(*expected, "min_tcb_example");
  if (example != nullptr && example->is_object()) {
    answer.expected["min_tcb_example"] = floor_example(input, policy, *example);
  }
  return answer;
}

}  // namespace confide::conformance
