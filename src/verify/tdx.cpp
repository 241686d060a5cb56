#include "verify/tdx.h"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "crypto/sgx_extension.h"
#include "verify/findings.h"
#include "verify/tdx_chain.h"
#include "verify/tdx_claims.h"
#include "verify/tdx_policy.h"
#include "verify/tdx_tcb.h"

namespace confide::verify {
namespace {

using Chain = std::vector<crypto::Certificate>;

// T2.
constexpr ByteArray<16> kIntelQeVendor{0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                       0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

Result<evidence::TdxQuote> read_quote(ByteView bytes) {
  TRY_ASSIGN(auto quote, evidence::parse_tdx_quote(bytes));
  if (quote.header.qe_vendor_id != kIntelQeVendor) {
    return fail(Errc::unsupported, "T2: not a quote of Intel's Quoting Enclave");
  }
  return quote;
}

Result<crypto::SgxExtension> read_extension(const crypto::Certificate& pck) {
  const auto der = pck.extension(crypto::kSgxExtensionOid);
  if (!der) return fail(Errc::malformed, "T8: the PCK certificate has no SGX extension");
  auto out = crypto::parse_sgx_extension(*der);
  if (!out) return fail(out.error().code, "T8: " + out.error().message);
  return out;
}

std::string describe_quote(const evidence::TdxQuote& quote) {
  return fmt::format("version {}, TDX", quote.header.version);
}
std::string describe_signers(const TdxSigners& /*signers*/) {
  return "TCB info, QE identity, two CRLs and their issuers";
}
std::string describe_root(const TrustRoot& root) {
  return fmt::format("to {}", root.certificate.common_name());
}
std::string describe_pck(const crypto::SgxExtension& pck) {
  return fmt::format("FMSPC {}, PCE {}", to_hex(pck.fmspc), to_hex(pck.pce_id));
}
std::string describe_tcb_info(const evidence::TcbInfo& info) {
  return fmt::format("evaluation {}, until {}", info.evaluation_data_number,
                     to_rfc3339(info.next_update));
}
std::string describe_qe_identity(const evidence::QeIdentity& identity) {
  return fmt::format("{}, until {}", identity.id, to_rfc3339(identity.next_update));
}

// The quote's own chain of signatures, from the PCK certificate to the TD report.
struct Signed {
  Result<evidence::TdxQuote> quote;
  Result<TdxSigners> signers;
  Result<TrustRoot> root;
  Result<crypto::SgxExtension> pck;
  Status genuine;  // all of the above and every signature
};

Result<TrustRoot> find_root(const Result<Chain>& chain, const Result<TdxSigners>& signers,
                            const Policy& policy, Time at) {
  if (!chain) return tl::unexpected<Error>(chain.error());
  TRY_ASSIGN(const TdxSigners* const found, need(signers));
  return judge_pck_chain(*chain, *found, policy, at);
}

Result<crypto::SgxExtension> find_extension(const Result<Chain>& chain) {
  TRY_ASSIGN(const Chain* const found, need(chain));
  return read_extension(found->front());
}

Status verify_qe_signature(const Result<evidence::TdxQuote>& quote, const Result<Chain>& chain) {
  TRY_ASSIGN(const evidence::TdxQuote* const found, need(quote));
  TRY_ASSIGN(const Chain* const certificates, need(chain));
  return check_qe_signature(*found, certificates->front());
}

Status verify_with(const Result<evidence::TdxQuote>& quote,
                   Status (*check)(const evidence::TdxQuote&)) {
  TRY_ASSIGN(const evidence::TdxQuote* const found, need(quote));
  return check(*found);
}

Result<Chain> find_chain(const Result<evidence::TdxQuote>& quote) {
  TRY_ASSIGN(const evidence::TdxQuote* const found, need(quote));
  return read_pck_chain(*found);
}

Signed judge_signatures(ByteView bytes, const evidence::TdxCollateral* collateral,
                        const Policy& policy, Time at, Findings& findings) {
  auto quote = findings.record("tdx.quote.parse", read_quote(bytes), describe_quote);
  auto signers = findings.record("tdx.collateral", read_signers(collateral), describe_signers);
  const auto chain = find_chain(quote);
  auto root =
      findings.record("tdx.pck.chain", find_root(chain, signers, policy, at), describe_root);
  auto pck = findings.record("tdx.pck.extensions", find_extension(chain), describe_pck);
  findings.check("tdx.qe.signature", verify_qe_signature(quote, chain));
  findings.check("tdx.qe.binding", verify_with(quote, check_qe_binding));
  findings.check("tdx.quote.signature", verify_with(quote, check_quote_signature));
  Status genuine;
  if (findings.first_failure()) genuine = tl::unexpected<Error>(*findings.first_failure());
  return {std::move(quote), std::move(signers), std::move(root), std::move(pck),
          std::move(genuine)};
}

Result<evidence::TcbInfo> judge_tcb_info(const Signed& from,
                                         const evidence::TdxCollateral* collateral, Time at) {
  TRY_ASSIGN(const TdxSigners* const signers, need(from.signers));
  TRY_ASSIGN(const TrustRoot* const root, need(from.root));
  TRY_ASSIGN(const crypto::SgxExtension* const pck, need(from.pck));
  TRY(check_signed_text(collateral->tcb_info, collateral->tcb_info_signature, signers->tcb_info,
                        root->certificate, *signers, at));
  TRY_ASSIGN(auto info, evidence::parse_tcb_info(collateral->tcb_info));
  TRY(check_tcb_info(info, *pck, at));
  return info;
}

Result<evidence::QeIdentity> judge_qe_identity(const Signed& from,
                                               const evidence::TdxCollateral* collateral, Time at) {
  TRY_ASSIGN(const TdxSigners* const signers, need(from.signers));
  TRY_ASSIGN(const TrustRoot* const root, need(from.root));
  TRY_ASSIGN(const evidence::TdxQuote* const quote, need(from.quote));
  TRY(check_signed_text(collateral->qe_identity, collateral->qe_identity_signature,
                        signers->qe_identity, root->certificate, *signers, at));
  TRY_ASSIGN(auto identity, evidence::parse_qe_identity(collateral->qe_identity));
  TRY(check_qe_identity(identity, quote->qe_report, at));
  return identity;
}

using Module = const evidence::TdxModuleIdentity*;

Result<Module> judge_module(const Signed& from, const Result<evidence::TcbInfo>& info) {
  TRY_ASSIGN(const evidence::TdxQuote* const quote, need(from.quote));
  TRY_ASSIGN(const evidence::TcbInfo* const found, need(info));
  return find_module(*found, quote->td);
}

// Numbers that nobody vouches for have no level, so all that came before is needed.
Result<TcbEvaluation> evaluate(const Signed& from, const Result<evidence::TcbInfo>& info,
                               const Result<evidence::QeIdentity>& identity,
                               const Result<Module>& module) {
  TRY(need(from.genuine));
  TRY_ASSIGN(const evidence::TcbInfo* const tcb_info, need(info));
  TRY_ASSIGN(const evidence::QeIdentity* const qe_identity, need(identity));
  TRY_ASSIGN(const Module* const found, need(module));
  return evaluate_tcb(*tcb_info, *qe_identity, **found, *from.pck, *from.quote);
}

using Acceptance = Status (*)(const TcbEvaluation&, const Policy&, Time);

Status accept(const Result<TcbEvaluation>& tcb, Acceptance rule, const Policy& policy, Time at) {
  TRY_ASSIGN(const TcbEvaluation* const found, need(tcb));
  return rule(*found, policy, at);
}

void judge_tcb(const Signed& from, const evidence::TdxCollateral* collateral, const Policy& policy,
               Time at, Findings& findings) {
  const auto info =
      findings.record("tdx.tcb.info", judge_tcb_info(from, collateral, at), describe_tcb_info);
  const auto identity = findings.record("tdx.qe.identity", judge_qe_identity(from, collateral, at),
                                        describe_qe_identity);
  const auto module = findings.record("tdx.module", judge_module(from, info),
                                      [](Module found) { return found->id; });
  const auto tcb = evaluate(from, info, identity, module);
  if (info) findings.verdict().claims["tcb_evaluation_data_number"] = info->evaluation_data_number;
  std::string status;
  if (tcb) {
    add_claims(findings.verdict().claims, *tcb, *from.quote);
    status = findings.verdict().claims["tcb_status"].get<std::string>();
  }
  findings.check("tdx.tcb.status", accept(tcb, accept_status, policy, at), status);
  findings.check("tdx.tcb.advisories", accept(tcb, accept_advisories, policy, at));
}

void judge_td(const Result<evidence::TdxQuote>& quote, const Policy& policy, Findings& findings) {
  const auto attributes = [&]() -> Status {
    TRY_ASSIGN(const evidence::TdxQuote* const found, need(quote));
    return accept_td_attributes(found->td.td_attributes);
  };
  findings.check("tdx.td.attributes", attributes());
  if (policy.measurements.empty()) {
    findings.verdict().skip("policy.measurements", "the policy pins no register");
    return;
  }
  const auto measurements = [&]() -> Status {
    TRY_ASSIGN(const evidence::TdxQuote* const found, need(quote));
    return accept_measurements(found->td, policy);
  };
  findings.check("policy.measurements", measurements());
}

}  // namespace

Result<VerifiedTdx> verify_tdx(ByteView quote, const evidence::TdxCollateral* collateral,
                               const Policy& policy, Time at, Verdict& verdict) {
  Findings findings(verdict);
  const Signed from = judge_signatures(quote, collateral, policy, at, findings);
  if (from.quote) add_claims(verdict.claims, *from.quote);
  if (from.pck) add_claims(verdict.claims, *from.pck);
  if (from.root && from.root->simulated) verdict.simulated = true;
  judge_tcb(from, collateral, policy, at, findings);
  judge_td(from.quote, policy, findings);
  if (findings.first_failure()) return tl::unexpected<Error>(*findings.first_failure());
  return VerifiedTdx(from.quote->td, from.root->simulated);
}

}  // namespace confide::verify
