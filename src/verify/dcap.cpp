#include "verify/dcap.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "verify/dcap_claims.h"

namespace confide::verify {
namespace {

// T2.
constexpr ByteArray<16> kIntelQeVendor{0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                       0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

Result<evidence::DcapQuote> read_quote(ByteView bytes, Tee tee) {
  TRY_ASSIGN(auto quote, evidence::parse_dcap_quote(bytes));
  if ((quote.td() != nullptr) != (tee == Tee::tdx)) {
    return fail(Errc::unsupported,
                fmt::format("T1: TEE type {:#x} is judged elsewhere", quote.header.tee_type));
  }
  if (quote.header.qe_vendor_id != kIntelQeVendor) {
    return fail(Errc::unsupported, "T2: not a quote of Intel's Quoting Enclave");
  }
  return quote;
}

std::string describe_quote(const evidence::DcapQuote& quote) {
  return fmt::format("version {}, {}", quote.header.version, quote.body_type());
}
std::string describe_root(const TrustRoot& root) {
  return fmt::format("to {}", root.certificate.common_name());
}
std::string describe_pck(const crypto::SgxExtension& pck) {
  return fmt::format("FMSPC {}, PCE {}", to_hex(pck.fmspc), to_hex(pck.pce_id));
}
std::string describe_tcb_info(const evidence::TcbInfo* info) {
  return fmt::format("evaluation {}, until {}", info->evaluation_data_number,
                     to_rfc3339(info->next_update));
}
std::string describe_qe_identity(const evidence::QeIdentity* identity) {
  return fmt::format("{}, until {}", identity->id, to_rfc3339(identity->next_update));
}

// Records a step whose value nobody needs any more.
template <class T, class Describe>
void check(std::string id, const Result<T>& result, Describe describe, Findings& findings) {
  findings.check(std::move(id), status_of(result), result ? describe(*result) : std::string());
}

using Quote = Result<evidence::DcapQuote>;
using Chain = Result<std::shared_ptr<const PckChain>>;

Chain find_chain(const Quote& quote, const DcapContext& context) {
  TRY_ASSIGN(const evidence::DcapQuote* const found, need(quote));
  const auto& signers = context.endorsements.signers;
  return context.endorsements.pck_chains.read(found->pck_chain_pem,
                                              signers ? std::span(signers->tcb_info->certificates())
                                                      : std::span<const crypto::Certificate>());
}

Result<TrustRoot> find_root(const Chain& chain, const DcapContext& context) {
  if (!chain) return tl::unexpected<Error>(chain.error());
  TRY_ASSIGN(const DcapSigners* const signers, need(context.endorsements.signers));
  return judge_pck_chain((*chain)->chain, *signers, context.policy, context.at);
}

Result<crypto::SgxExtension> find_extension(const Chain& chain) {
  TRY_ASSIGN(const auto* const found, need(chain));
  return (*found)->extension;
}

Status verify_qe_signature(const Quote& quote, const Chain& chain) {
  TRY_ASSIGN(const evidence::DcapQuote* const found, need(quote));
  TRY_ASSIGN(const auto* const pck, need(chain));
  return check_qe_signature(*found, (*pck)->certificates().front());
}

Status verify_with(const Quote& quote, Status (*check)(const evidence::DcapQuote&)) {
  TRY_ASSIGN(const evidence::DcapQuote* const found, need(quote));
  return check(*found);
}

DcapJudged judge_signatures(ByteView bytes, const DcapContext& context, Findings& findings) {
  auto quote =
      findings.record(context.id("quote.parse"), read_quote(bytes, context.tee), describe_quote);
  findings.check(context.id("collateral"), status_of(context.endorsements.signers),
                 "TCB info, QE identity, two CRLs and their issuers");
  auto chain = find_chain(quote, context);
  auto root = findings.record(context.id("pck.chain"), find_root(chain, context), describe_root);
  check(context.id("pck.extensions"), find_extension(chain), describe_pck, findings);
  findings.check(context.id("qe.signature"), verify_qe_signature(quote, chain));
  findings.check(context.id("qe.binding"), verify_with(quote, check_qe_binding));
  findings.check(context.id("quote.signature"), verify_with(quote, check_quote_signature));
  return {std::move(quote), std::move(chain), std::move(root)};
}

// T12 to T15.
Result<const evidence::TcbInfo*> judge_tcb_info(const DcapJudged& from,
                                                const DcapContext& context) {
  TRY_ASSIGN(const DcapSigners* const signers, need(context.endorsements.signers));
  TRY_ASSIGN(const TrustRoot* const root, need(from.root));
  TRY_ASSIGN(const auto* const pck, need(from.pck));
  TRY_ASSIGN(const crypto::SgxExtension* const extension, need((*pck)->extension));
  TRY(judge_tcb_signer(*signers->tcb_info, root->certificate, *signers, context.at));
  const auto& info = context.endorsements.tcb_info;
  if (!info) return tl::unexpected<Error>(info.error());
  TRY(check_tcb_info(*info, context.tee, *extension, context.at));
  return &*info;
}

// T16 to T18.
Result<const evidence::QeIdentity*> judge_qe_identity(const DcapJudged& from,
                                                      const DcapContext& context) {
  TRY_ASSIGN(const DcapSigners* const signers, need(context.endorsements.signers));
  TRY_ASSIGN(const TrustRoot* const root, need(from.root));
  TRY_ASSIGN(const evidence::DcapQuote* const quote, need(from.quote));
  TRY(judge_tcb_signer(*signers->qe_identity, root->certificate, *signers, context.at));
  const auto& identity = context.endorsements.qe_identity;
  if (!identity) return tl::unexpected<Error>(identity.error());
  TRY(check_qe_identity(*identity, context.tee, quote->qe_report, context.at));
  return &*identity;
}

using Module = const evidence::TdxModuleIdentity*;

Result<Module> judge_module(const DcapJudged& from, const Result<const evidence::TcbInfo*>& info) {
  TRY_ASSIGN(const evidence::DcapQuote* const quote, need(from.quote));
  TRY_ASSIGN(const auto* const found, need(info));
  return find_module(**found, *quote->td());
}

// The levels are looked up even if nobody vouches for the numbers: people want to see them. What
// they come to needs all that came before.
std::optional<TcbEvaluation> find_levels(const DcapJudged& from, const DcapContext& context) {
  const auto& info = context.endorsements.tcb_info;
  const auto& identity = context.endorsements.qe_identity;
  if (!from.quote || !from.pck || !(*from.pck)->extension || !info || !identity) return {};
  return evaluate_tcb(*info, *identity, *(*from.pck)->extension, from.quote->qe_report.isv_svn,
                      from.quote->td());
}

using Acceptance = Status (*)(const TcbEvaluation&, const Policy&, Time);

Status accept(const Result<TcbEvaluation>& tcb, Acceptance rule, const DcapContext& context) {
  TRY_ASSIGN(const TcbEvaluation* const found, need(tcb));
  return rule(*found, context.policy, context.at);
}

// Gives the date of what the platform runs, if that could be found.
std::optional<Time> judge_status(const DcapJudged& from, const DcapContext& context,
                                 Findings& findings) {
  Json& claims = findings.verdict().claims;
  const auto levels = find_levels(from, context);
  if (levels) add_levels(claims, *levels, from.quote->qe_report.isv_svn, context.tee);
  const bool genuine = !findings.first_failure();
  claims["crypto_ok"] = genuine;
  Result<TcbEvaluation> tcb = fail(Errc::internal, "");
  std::string status;
  if (genuine) {
    tcb = *levels;
    add_status(claims, *levels);
    status = claims["tcb_status"].get<std::string>();
  } else {
    tcb = tl::unexpected<Error>(*findings.first_failure());
  }
  findings.check(context.id("tcb.status"), accept(tcb, accept_status, context), status);
  findings.check(context.id("tcb.advisories"), accept(tcb, accept_advisories, context));
  return levels ? levels->date : std::nullopt;
}

// P1 to P3.
Status accept_platform(const DcapJudged& from, const Result<const evidence::TcbInfo*>& info,
                       const Result<const evidence::QeIdentity*>& identity,
                       const std::optional<Time>& tcb_date, const PlatformPolicy& policy) {
  TRY_ASSIGN(const auto* const tcb_info, need(info));
  TRY_ASSIGN(const auto* const qe_identity, need(identity));
  TRY_ASSIGN(const auto* const pck, need(from.pck));
  TRY_ASSIGN(const crypto::SgxExtension* const extension, need((*pck)->extension));
  TRY(accept_tcb_date(tcb_date, policy));
  TRY(accept_evaluation((*tcb_info)->evaluation_data_number, policy));
  TRY(accept_issue_date("TCB info", (*tcb_info)->issue_date, policy));
  TRY(accept_issue_date("QE identity", (*qe_identity)->issue_date, policy));
  return accept_platform_id(*extension, policy);
}

}  // namespace

std::string DcapContext::id(std::string_view check) const {
  return fmt::format("{}.{}", tee == Tee::tdx ? "tdx" : "sgx", check);
}

DcapJudged judge_dcap(ByteView quote, const DcapContext& context, Findings& findings) {
  DcapJudged out = judge_signatures(quote, context, findings);
  Verdict& verdict = findings.verdict();
  if (out.quote) add_claims(verdict.claims, *out.quote);
  if (out.pck) add_claims(verdict.claims, **out.pck);
  add_claims(verdict.claims, context.endorsements, out.pck ? out.pck->get() : nullptr);
  if (out.root && out.root->simulated) verdict.simulated = true;

  const auto info =
      findings.record(context.id("tcb.info"), judge_tcb_info(out, context), describe_tcb_info);
  const auto identity = findings.record(context.id("qe.identity"), judge_qe_identity(out, context),
                                        describe_qe_identity);
  if (context.tee == Tee::tdx) {
    check(
        context.id("module"), judge_module(out, info), [](Module found) { return found->id; },
        findings);
  }
  const auto tcb_date = judge_status(out, context, findings);
  const PlatformPolicy& policy = context.policy.platform;
  if (policy.asks()) {
    findings.check("policy.platform", accept_platform(out, info, identity, tcb_date, policy));
  } else {
    verdict.skip("policy.platform", "the policy names no platform and no date");
  }
  verdict.claims["policy_findings"] = Json::array();
  return out;
}

void judge_body(const DcapContext& context, const DcapJudged& judged, std::string_view check,
                std::string_view rule, PolicyFindings (*find)(const evidence::DcapQuote&),
                Findings& findings) {
  const auto accepted = [&]() -> Status {
    TRY_ASSIGN(const evidence::DcapQuote* const quote, need(judged.quote));
    const PolicyFindings found = find(*quote);
    for (const std::string& name : found) {
      findings.verdict().claims["policy_findings"].push_back(name);
    }
    return accept_findings(rule, found);
  };
  findings.check(context.id(check), accepted());
}

void judge_measurements(const DcapContext& context, const DcapJudged& judged, Findings& findings) {
  if (context.policy.measurements.empty()) {
    findings.verdict().skip("policy.measurements", "the policy pins no register");
    return;
  }
  const auto accepted = [&]() -> Status {
    TRY_ASSIGN(const evidence::DcapQuote* const quote, need(judged.quote));
    return accept_measurements(*quote, context.policy);
  };
  findings.check("policy.measurements", accepted());
}

}  // namespace confide::verify
