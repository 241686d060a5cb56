// Intel's quotes with their collateral: TDX and SGX.
#include <array>

#include "collateral/folder.h"
#include "kinds.h"
#include "roots.h"
#include "verify/sgx.h"
#include "verify/tdx.h"

namespace confide::conformance {
namespace {

constexpr std::array kStages{
    Word{".quote.parse", "", "quote_parse"},
    Word{".collateral", "", "collateral_parse"},
    Word{".collateral", "TCB info", "tcb_info_parse"},
    Word{".collateral", "QE identity", "qe_identity_parse"},
    Word{"", "not yet", "not_yet_valid"},
    Word{"", "issued only", "not_yet_valid"},
    Word{"", "expired", "expired"},
    Word{"", "superseded", "expired"},
    Word{"", "revoked", "revoked"},
    Word{".pck.chain", "", "pck_chain"},
    Word{".pck.chain", "root", "untrusted_root"},
    Word{".pck.chain", "self signed", "untrusted_root"},
    Word{".pck.chain", "CRL", "pck_crl"},
    Word{".pck.chain", "CRL", "root_crl"},
    Word{".pck.extensions", "", "pck_extensions"},
    Word{".qe.signature", "", "qe_report_signature"},
    Word{".qe.binding", "", "qe_report_data"},
    Word{".quote.signature", "", "quote_signature"},
    Word{".tcb.info", "T12", "tcb_info_signature"},
    Word{".tcb.info", "", "tcb_info_mismatch"},
    Word{".tcb.info", "status", "tcb_info_parse"},
    Word{".qe.identity", "T16", "qe_identity_signature"},
    Word{".qe.identity", "", "qe_identity_mismatch"},
    Word{".module", "", "tdx_module_mismatch"},
};

// What a quote is worth, if it is genuine, is no fault of its own stage.
constexpr std::array<std::string_view, 6> kAppraisal{
    ".tcb.status", ".tcb.advisories", "policy.measurements", ".attributes", ".xfam", ".service"};

struct Input {
  Bytes quote;
  Time at{};
  bool sgx = false;
};

verify::Verdict judge(const Input& input, const fs::path& collateral,
                      const verify::Policy& policy) {
  const auto material = collateral::read_tdx_collateral(collateral.string());
  const evidence::TdxCollateral* given = material ? &*material : nullptr;
  verify::Verdict verdict;
  const bool proof =
      input.sgx ? verify::verify_sgx(input.quote, given, policy, input.at, verdict).has_value()
                : verify::verify_tdx(input.quote, given, policy, input.at, verdict).has_value();
  if (proof != verdict.passed()) verdict.fail("runner.proof", "verdict and proof disagree");
  return verdict;
}

// The root that the quote itself brings, as someone would name it who trusts it.
Result<crypto::Certificate> root_in(ByteView quote) {
  TRY_ASSIGN(const auto parsed, evidence::parse_dcap_quote(quote));
  TRY_ASSIGN(auto chain, crypto::parse_pem_chain(parsed.pck_chain_pem));
  if (chain.empty()) return fail(Errc::not_found, "no certificates");
  return std::move(chain.back());
}

Json value_or_null(const Json& claims, const char* name) {
  const Json* value = json::find(claims, name);
  return value == nullptr ? Json() : *value;
}

Json status_and_advisories(const Json& claims) {
  return Json{{"tcb_status", value_or_null(claims, "tcb_status")},
              {"advisory_ids", value_or_null(claims, "advisory_ids")}};
}

Faults stages_of(const verify::Verdict& verdict) {
  verify::Verdict crypto;
  for (const verify::Check& check : verdict.checks()) {
    const bool appraisal = std::ranges::any_of(
        kAppraisal, [&](std::string_view id) { return check.id.ends_with(id); });
    if (check.status == verify::CheckStatus::fail && !appraisal)
      crypto.fail(check.id, check.detail);
  }
  return faults_of(crypto, kStages);
}

}  // namespace

Result<Answer> run_dcap(const Case& from) {
  Input input{.quote = {}, .at = {}, .sgx = from.kind.starts_with("sgx")};
  TRY_ASSIGN(input.quote, from.read("quote"));
  TRY_ASSIGN(input.at, from.time());
  const verify::Policy policy = policy_for(from, {"root_ca"});
  const verify::Verdict verdict = judge(input, from.folder, policy);
  Answer answer = answer_from(verdict);
  for (const char* name : {"tcb_status", "advisory_ids"}) {
    answer.expected[name] = value_or_null(verdict.claims, name);
  }
  answer.faults["expected.error_stage"] = stages_of(verdict);
  // The same collateral in one document must come to the same.
  if (const Json* joined = from.file("collateral_v3"); joined != nullptr && joined->is_string()) {
    const verify::Verdict again = judge(input, from.folder / joined->get<std::string>(), policy);
    if (!again.passed()) answer.expected["verdict_strict"] = "reject";
    if (answer.note.empty()) answer.note = first_failure(again);
  }
  if (auto root = root_in(input.quote)) {
    verify::Policy trusting = verify::Policy::strict();
    trusting.trust(*root);
    answer.expected["with_preproduction_root_trusted"] =
        status_and_advisories(judge(input, from.folder, trusting).claims);
  }
  return answer;
}

}  // namespace confide::conformance
