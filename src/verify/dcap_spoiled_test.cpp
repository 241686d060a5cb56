// Quotes and collateral with one thing wrong, each refused by its own check and rule.
#include <functional>
#include <ostream>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "verify/testing/tdx_outcome.h"

namespace confide::verify {
namespace {

using std::chrono::days;
using testing::appraise;
using testing::appraise_tdx;
using testing::expect_failure;
using testing::Outcome;
using testing::TdxLab;

struct Spoiling {
  std::string name;
  std::function<void(TdxLab&)> spoil;
  std::string check;
  Errc code;
  std::string rule;
};
void PrintTo(const Spoiling& s, std::ostream* to) { *to << s.name; }

class SpoiledTdx : public ::testing::TestWithParam<Spoiling> {};

TEST_P(SpoiledTdx, IsRefused) {
  TdxLab lab;
  GetParam().spoil(lab);
  expect_failure(appraise(lab, lab.policy()), GetParam().check, GetParam().code, GetParam().rule);
}

Json& first_level(Json& of) { return of.at("tcbLevels").at(0); }
Json& identity_of(TdxLab& lab) { return lab.tcb_info.at("tdxModuleIdentities").at(0); }

const Spoiling kSpoilings[] = {
    {"vendor", [](TdxLab& l) { l.header().qe_vendor_id[3] ^= 1U; }, "tdx.quote.parse",
     Errc::unsupported, "T2"},
    {"version", [](TdxLab& l) { l.header().version = 6; }, "tdx.quote.parse", Errc::unsupported,
     "version 6"},
    {"tee", [](TdxLab& l) { l.header().tee_type = 0x80; }, "tdx.quote.parse", Errc::unsupported,
     "TEE type"},
    {"key_type", [](TdxLab& l) { l.header().att_key_type = 3; }, "tdx.quote.parse",
     Errc::unsupported, "P-384"},
    {"pck_name", [](TdxLab& l) { l.pck.request.common_name = "Someone"; }, "tdx.pck.chain",
     Errc::untrusted, "T5"},
    {"ca_name", [](TdxLab& l) { l.platform_ca.request.common_name = "Intel SGX PCK Other CA"; },
     "tdx.pck.chain", Errc::untrusted, "T5"},
    {"pck_expired", [](TdxLab& l) { l.pck.request.not_after = l.at - days{1}; }, "tdx.pck.chain",
     Errc::expired, "T6"},
    {"ca_not_yet_valid", [](TdxLab& l) { l.platform_ca.request.not_before = l.at + days{1}; },
     "tdx.pck.chain", Errc::expired, "T6"},
    {"ca_is_no_ca", [](TdxLab& l) { l.platform_ca.request.is_ca = false; }, "tdx.pck.chain",
     Errc::untrusted, "T6"},
    {"pck_revoked", [](TdxLab& l) { l.pck.revoked = true; }, "tdx.pck.chain", Errc::untrusted,
     "revoked"},
    {"ca_revoked", [](TdxLab& l) { l.platform_ca.revoked = true; }, "tdx.pck.chain",
     Errc::untrusted, "revoked"},
    {"crl_expired", [](TdxLab& l) { l.crl_until = l.at - std::chrono::hours{1}; }, "tdx.pck.chain",
     Errc::expired, "T7"},
    {"crl_from_the_future", [](TdxLab& l) { l.crl_from = l.at + std::chrono::hours{1}; },
     "tdx.pck.chain", Errc::expired, "T7"},
    {"no_extension", [](TdxLab& l) { l.with_extension = false; }, "tdx.pck.extensions",
     Errc::malformed, "T8"},
    {"bad_extension",
     [](TdxLab& l) {
       l.with_extension = false;
       l.pck.request.extensions.emplace_back(crypto::kSgxExtensionOid, Bytes{0x30, 0x00});
     },
     "tdx.pck.extensions", Errc::malformed, "T8: "},
    {"qe_report_unbound", [](TdxLab& l) { l.bind_attestation_key = false; }, "tdx.qe.binding",
     Errc::mismatch, "T10"},
    {"signer_name", [](TdxLab& l) { l.tcb_signer.request.common_name = "Someone"; }, "tdx.tcb.info",
     Errc::untrusted, "T12"},
    {"signer_revoked", [](TdxLab& l) { l.tcb_signer.revoked = true; }, "tdx.tcb.info",
     Errc::untrusted, "T12"},
    {"signer_expired", [](TdxLab& l) { l.tcb_signer.request.not_after = l.at - days{1}; },
     "tdx.tcb.info", Errc::expired, "T12"},
    {"tcb_info_for_sgx", [](TdxLab& l) { l.tcb_info["id"] = "SGX"; }, "tdx.tcb.info",
     Errc::mismatch, "T13"},
    {"tcb_info_version", [](TdxLab& l) { l.tcb_info["version"] = 4; }, "tdx.tcb.info",
     Errc::unsupported, "T13: TCB info version 4"},
    {"tcb_type", [](TdxLab& l) { l.tcb_info["tcbType"] = 1; }, "tdx.tcb.info", Errc::unsupported,
     "TCB type 1"},
    {"qe_identity_version", [](TdxLab& l) { l.qe_identity["version"] = 1; }, "tdx.qe.identity",
     Errc::unsupported, "version 1"},
    {"qve_identity", [](TdxLab& l) { l.qe_identity["id"] = "QVE"; }, "tdx.qe.identity",
     Errc::mismatch, "T17"},
    {"listed_relaunch",
     [](TdxLab& l) { first_level(l.tcb_info)["tcbStatus"] = "TDRelaunchAdvised"; }, "tdx.tcb.info",
     Errc::malformed, "no such status"},
    {"tcb_info_old",
     [](TdxLab& l) { l.tcb_info["nextUpdate"] = to_rfc3339(l.at - std::chrono::seconds{1}); },
     "tdx.tcb.info", Errc::expired, "T14"},
    {"tcb_info_future",
     [](TdxLab& l) { l.tcb_info["issueDate"] = to_rfc3339(l.at + std::chrono::seconds{1}); },
     "tdx.tcb.info", Errc::expired, "T14"},
    {"fmspc", [](TdxLab& l) { l.platform.fmspc[5] = 7; }, "tdx.tcb.info", Errc::mismatch, "T15"},
    {"pce_id", [](TdxLab& l) { l.platform.pce_id[1] = 7; }, "tdx.tcb.info", Errc::mismatch, "T15"},
    {"unknown_status", [](TdxLab& l) { first_level(l.tcb_info)["tcbStatus"] = "Fine"; },
     "tdx.tcb.info", Errc::malformed, "status"},
    {"qe_id", [](TdxLab& l) { l.qe_identity["id"] = "QE"; }, "tdx.qe.identity", Errc::mismatch,
     "T17"},
    {"qe_identity_old",
     [](TdxLab& l) { l.qe_identity["nextUpdate"] = to_rfc3339(l.at - std::chrono::seconds{1}); },
     "tdx.qe.identity", Errc::expired, "T17"},
    {"qe_misc_select", [](TdxLab& l) { l.qe().misc_select = 1; }, "tdx.qe.identity", Errc::mismatch,
     "MISCSELECT"},
    {"qe_debug", [](TdxLab& l) { l.qe().attributes[0] |= 2U; }, "tdx.qe.identity", Errc::mismatch,
     "ATTRIBUTES"},
    {"qe_signer", [](TdxLab& l) { l.qe().mr_signer[0] ^= 1U; }, "tdx.qe.identity", Errc::mismatch,
     "MRSIGNER"},
    {"qe_product", [](TdxLab& l) { l.qe().isv_prod_id = 1; }, "tdx.qe.identity", Errc::mismatch,
     "ISVPRODID"},
    {"module_unknown", [](TdxLab& l) { l.td().tee_tcb_svn[1] = 2; }, "tdx.module", Errc::not_found,
     "T20"},
    {"module_absent", [](TdxLab& l) { l.tcb_info.erase("tdxModuleIdentities"); }, "tdx.module",
     Errc::not_found, "T20"},
    {"module_1_0_absent",
     [](TdxLab& l) {
       l.td().tee_tcb_svn[1] = 0;
       l.tcb_info.erase("tdxModule");
     },
     "tdx.module", Errc::not_found, "T20"},
    {"module_signer", [](TdxLab& l) { l.td().mr_signer_seam[0] = 1; }, "tdx.module", Errc::mismatch,
     "MRSIGNERSEAM"},
    {"module_attributes", [](TdxLab& l) { l.td().seam_attributes[7] = 1; }, "tdx.module",
     Errc::mismatch, "SEAMATTRIBUTES are not zero"},
    {"module_attributes_outside_the_mask",
     [](TdxLab& l) {
       l.td().seam_attributes[7] = 1;
       identity_of(l)["attributesMask"] = "FFFFFFFFFFFFFF00";
     },
     "tdx.module", Errc::mismatch, "SEAMATTRIBUTES are not zero"},
    {"module_attributes_wanted",
     [](TdxLab& l) { identity_of(l)["attributes"] = "0000000000000001"; }, "tdx.module",
     Errc::mismatch, "SEAMATTRIBUTES differ"},
    {"platform_old", [](TdxLab& l) { l.platform.tcb_components[15] = 2; }, "tdx.tcb.status",
     Errc::policy, "OutOfDate"},
    {"platform_revoked", [](TdxLab& l) { l.platform.tcb_components[0] = 1; }, "tdx.tcb.status",
     Errc::policy, "Revoked"},
    {"platform_unknown", [](TdxLab& l) { l.platform.tcb_components[0] = 0; }, "tdx.tcb.status",
     Errc::policy, "NotSupported"},
    {"pce_old", [](TdxLab& l) { l.platform.pce_svn = 10; }, "tdx.tcb.status", Errc::policy,
     "NotSupported"},
    {"tdx_old", [](TdxLab& l) { l.td().tee_tcb_svn[2] = 3; }, "tdx.tcb.status", Errc::policy,
     "OutOfDate"},
    {"module_old", [](TdxLab& l) { l.td().tee_tcb_svn[0] = 4; }, "tdx.tcb.status", Errc::policy,
     "OutOfDate"},
    {"module_too_old", [](TdxLab& l) { l.td().tee_tcb_svn[0] = 2; }, "tdx.tcb.status", Errc::policy,
     "NotSupported"},
    {"module_revoked", [](TdxLab& l) { first_level(identity_of(l))["tcbStatus"] = "Revoked"; },
     "tdx.tcb.status", Errc::policy, "Revoked"},
    {"qe_old", [](TdxLab& l) { l.qe().isv_svn = 5; }, "tdx.tcb.status", Errc::policy, "OutOfDate"},
    {"qe_too_old", [](TdxLab& l) { l.qe().isv_svn = 3; }, "tdx.tcb.status", Errc::policy,
     "NotSupported"},
    {"debug", [](TdxLab& l) { l.td().td_attributes[0] = 1; }, "tdx.td.attributes", Errc::policy,
     "td_debug"},
    {"sept_ve", [](TdxLab& l) { l.td().td_attributes[3] = 0; }, "tdx.td.attributes", Errc::policy,
     "sept_ve_disable_clear"},
    {"migratable", [](TdxLab& l) { l.td().td_attributes[3] |= 0x20U; }, "tdx.td.attributes",
     Errc::policy, "migratable"},
    {"perfmon", [](TdxLab& l) { l.td().td_attributes[7] = 0x80; }, "tdx.td.attributes",
     Errc::policy, "perfmon"},
    {"reserved", [](TdxLab& l) { l.td().td_attributes[4] = 1; }, "tdx.td.attributes", Errc::policy,
     "td_attributes_reserved_bits"},
    {"xfam_without_x87", [](TdxLab& l) { l.td().xfam[0] &= 0xfeU; }, "tdx.td.xfam", Errc::policy,
     "T30: xfam_required_bits"},
    {"xfam_without_sse", [](TdxLab& l) { l.td().xfam[0] &= 0xfdU; }, "tdx.td.xfam", Errc::policy,
     "T30: xfam_required_bits"},
    {"xfam_reserved", [](TdxLab& l) { l.td().xfam[7] = 0x80; }, "tdx.td.xfam", Errc::policy,
     "T30: xfam_reserved_bits"},
    {"service_td",
     [](TdxLab& l) {
       l.use_td15();
       l.td().td15->mr_service_td[47] = 1;
     },
     "tdx.td.service", Errc::policy, "T31: mr_service_td_nonzero"},
    {"relaunch",
     [](TdxLab& l) {
       l.use_td15();
       l.td().tee_tcb_svn[0] = 4;
     },
     "tdx.tcb.status", Errc::policy, "T25: TDRelaunchAdvised"},
    {"launched_module_too_old",
     [](TdxLab& l) {
       l.use_td15();
       l.td().tee_tcb_svn[0] = 2;
     },
     "tdx.tcb.status", Errc::policy, "T25: NotSupported"},
    {"running_module_unknown",
     [](TdxLab& l) {
       l.use_td15();
       l.td().td15->tee_tcb_svn2[1] = 2;
     },
     "tdx.tcb.status", Errc::policy, "T25: NotSupported"},
    {"running_module_too_old",
     [](TdxLab& l) {
       l.use_td15();
       l.td().td15->tee_tcb_svn2[0] = 2;
     },
     "tdx.tcb.status", Errc::policy, "T25: NotSupported"},
};

INSTANTIATE_TEST_SUITE_P(EachRule, SpoiledTdx, ::testing::ValuesIn(kSpoilings),
                         [](const auto& instance) { return instance.param.name; });

// Things made wrong after signing, which a builder that signs last cannot make.
struct Forgery {
  std::string name;
  std::function<void(evidence::DcapQuote&, evidence::TdxCollateral&, const TdxLab& other)> forge;
  std::string check;
  Errc code;
  std::string rule = "";
};
void PrintTo(const Forgery& f, std::ostream* to) { *to << f.name; }

class ForgedTdx : public ::testing::TestWithParam<Forgery> {};

TEST_P(ForgedTdx, IsRefused) {
  const TdxLab lab;
  const TdxLab other;
  auto quote = lab.parts();
  auto collateral = lab.collateral();
  GetParam().forge(quote, collateral, other);
  const Outcome outcome =
      appraise_tdx(evidence::testing::write_quote(quote), collateral, lab.policy(), lab.at);
  expect_failure(outcome, GetParam().check, GetParam().code, GetParam().rule);
}

const Forgery kForgeries[] = {
    {"quote_body", [](auto& q, auto&, const auto&) { q.signed_bytes[600] ^= 1U; },
     "tdx.quote.signature", Errc::bad_signature},
    {"quote_signature", [](auto& q, auto&, const auto&) { q.signature[0] ^= 1U; },
     "tdx.quote.signature", Errc::bad_signature},
    {"attestation_key",
     [](auto& q, auto&, const auto& o) {
       q.attestation_key = o.attestation_key.public_key();
       q.signature = o.attestation_key.sign(q.signed_bytes);
     },
     "tdx.qe.binding", Errc::mismatch},
    {"auth_data", [](auto& q, auto&, const auto&) { q.qe_auth_data.push_back(0); },
     "tdx.qe.binding", Errc::mismatch},
    {"qe_report", [](auto& q, auto&, const auto&) { q.qe_report_bytes[100] ^= 1U; },
     "tdx.qe.signature", Errc::bad_signature},
    {"qe_report_by_another_pck",
     [](auto& q, auto&, const auto& o) {
       q.qe_report_signature = o.pck.key.sign(q.qe_report_bytes);
     },
     "tdx.qe.signature", Errc::bad_signature},
    {"chain_of_another_root",
     [](auto& q, auto&, const auto& o) { q.pck_chain_pem = o.parts().pck_chain_pem; },
     "tdx.pck.chain", Errc::untrusted},
    {"no_chain", [](auto& q, auto&, const auto&) { q.pck_chain_pem.clear(); }, "tdx.pck.chain",
     Errc::malformed},
    {"crl_of_another_root",
     [](auto&, auto& c, const auto& o) { c.pck_crl = o.collateral().pck_crl; }, "tdx.pck.chain",
     Errc::untrusted},
    {"root_crl_twice", [](auto&, auto& c, const auto&) { c.pck_crl = c.root_ca_crl; },
     "tdx.pck.chain", Errc::untrusted},
    {"crl_cut", [](auto&, auto& c, const auto&) { c.root_ca_crl.pop_back(); }, "tdx.collateral",
     Errc::malformed, "T4: root CA CRL"},
    {"leaf_alone", [](auto& q, auto&, const auto& o) { q.pck_chain_pem = o.made().pck.to_pem(); },
     "tdx.pck.chain", Errc::untrusted, "T5: 1 certificates"},
    {"issuer_chain_empty", [](auto&, auto& c, const auto&) { c.qe_identity_issuer_chain.clear(); },
     "tdx.collateral", Errc::malformed, "T4: QE identity issuer chain"},
    {"tcb_info_text", [](auto&, auto& c, const auto&) { c.tcb_info += " "; }, "tdx.tcb.info",
     Errc::bad_signature},
    {"tcb_info_of_another_root",
     [](auto&, auto& c, const auto& o) {
       c.tcb_info_signature = o.collateral().tcb_info_signature;
       c.tcb_info_issuer_chain = o.collateral().tcb_info_issuer_chain;
     },
     "tdx.tcb.info", Errc::untrusted},
    {"qe_identity_text", [](auto&, auto& c, const auto&) { c.qe_identity += " "; },
     "tdx.qe.identity", Errc::bad_signature},
    {"identities_exchanged",
     [](auto&, auto& c, const auto&) {
       std::swap(c.tcb_info, c.qe_identity);
       std::swap(c.tcb_info_signature, c.qe_identity_signature);
     },
     "tdx.tcb.info", Errc::malformed},
};

INSTANTIATE_TEST_SUITE_P(EachSignature, ForgedTdx, ::testing::ValuesIn(kForgeries),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace confide::verify
