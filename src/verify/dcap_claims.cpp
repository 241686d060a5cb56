#include "verify/dcap_claims.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "verify/dcap_policy.h"

namespace confide::verify {
namespace {

Json status_of(const evidence::TcbLevel* level) {
  return level == nullptr ? Json() : Json(to_string(level->status));
}

Json to_json(const evidence::TdReport& td) {
  Json out{{"tee_tcb_svn", to_hex(td.tee_tcb_svn)},
           {"seam_attributes", to_hex(td.seam_attributes)},
           {"td_attributes", to_hex(td.td_attributes)},
           {"xfam", to_hex(td.xfam)}};
  for (const std::string_view name : kMeasurementNames) {
    out[std::string(name)] = to_hex(*find_register(td, name));
  }
  out["report_data"] = to_hex(td.report_data);
  if (td.td15) {
    out["tee_tcb_svn2"] = to_hex(td.td15->tee_tcb_svn2);
    out["mr_service_td"] = to_hex(td.td15->mr_service_td);
  }
  return out;
}

Json to_json(const evidence::EnclaveReport& report) {
  ByteArray<4> misc_select{};
  for (std::size_t i = 0; i < misc_select.size(); ++i) {
    misc_select[i] = static_cast<std::uint8_t>(report.misc_select >> (8U * i));
  }
  return Json{{"cpu_svn", to_hex(report.cpu_svn)},
              {"misc_select", to_hex(misc_select)},
              {"isv_ext_prod_id", to_hex(report.isv_ext_prod_id)},
              {"attributes", to_hex(report.attributes)},
              {"mr_enclave", to_hex(report.mr_enclave)},
              {"mr_signer", to_hex(report.mr_signer)},
              {"config_id", to_hex(report.config_id)},
              {"isv_prod_id", report.isv_prod_id},
              {"isv_svn", report.isv_svn},
              {"config_svn", report.config_svn},
              {"isv_family_id", to_hex(report.isv_family_id)},
              {"report_data", to_hex(report.report_data)}};
}

// As a number: without leading zeros.
std::string serial_of(const crypto::Certificate& certificate) {
  const std::string digits = certificate.serial();
  return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
}

// When the first of many things ends.
class Window {
 public:
  Json add(const char* from_name, Time from, const char* until_name, Time until) {
    end_ = end_ ? std::min(*end_, until) : until;
    return Json{{from_name, to_rfc3339(from)}, {until_name, to_rfc3339(until)}};
  }
  void add(const std::vector<crypto::Certificate>& chain) {
    for (const crypto::Certificate& certificate : chain) {
      end_ = end_ ? std::min(*end_, certificate.not_after()) : certificate.not_after();
    }
  }
  Json end() const { return end_ ? Json(to_rfc3339(*end_)) : Json(); }

 private:
  std::optional<Time> end_;
};

}  // namespace

void add_claims(Json& claims, const evidence::DcapQuote& quote) {
  const evidence::QuoteHeader& header = quote.header;
  claims["version"] = header.version;
  claims["att_key_type"] = header.att_key_type;
  claims["tee_type"] = header.tee_type;
  claims["body_type"] = quote.body_type();
  claims["auth_size"] = quote.signature_data_size;
  claims["trailing"] = quote.trailing_zeros;
  claims["cert_type"] = quote.certification_type;
  claims["qe_auth_len"] = quote.qe_auth_data.size();
  claims["qe_vendor_id"] = to_hex(header.qe_vendor_id);
  claims["user_data"] = to_hex(header.user_data);
  claims["header"] = Json{{"qe_svn", header.qe_svn},
                          {"pce_svn", header.pce_svn},
                          {"qe_vendor_id", to_hex(header.qe_vendor_id)},
                          {"user_data", to_hex(header.user_data)}};
  Json body = quote.td() != nullptr ? to_json(*quote.td()) : to_json(*quote.enclave());
  for (const auto& [name, value] : body.items()) {
    if (name != "cpu_svn") claims[name] = value;  // that name is the PCK certificate's
  }
  claims["body"] = std::move(body);
}

void add_claims(Json& claims, const PckChain& pck) {
  if (!pck.extension) return;
  const crypto::SgxExtension& platform = *pck.extension;
  const crypto::Certificate& leaf = pck.certificates().front();
  const Json issuer =
      pck.certificates().size() > 1 ? Json(pck.certificates()[1].common_name()) : Json();
  claims["fmspc"] = to_hex(platform.fmspc);
  claims["pce_id"] = to_hex(platform.pce_id);
  claims["pce_svn"] = platform.pce_svn;
  claims["cpu_svn"] = to_hex(platform.cpu_svn);
  claims["ppid"] = to_hex(platform.ppid);
  claims["pck"] = Json{{"fmspc", to_hex(platform.fmspc)},
                       {"pce_id", to_hex(platform.pce_id)},
                       {"pce_svn", platform.pce_svn},
                       {"cpu_svn", to_hex(platform.cpu_svn)},
                       {"ppid", to_hex(platform.ppid)},
                       {"issuer", issuer},
                       {"not_before", to_rfc3339(leaf.not_before())},
                       {"not_after", to_rfc3339(leaf.not_after())},
                       {"serial", serial_of(leaf)}};
}

void add_claims(Json& claims, const Endorsements::Impl& endorsements, const PckChain* pck) {
  Window window;
  Json out = Json::object();
  if (endorsements.signers) {
    const DcapSigners& signers = *endorsements.signers;
    for (const auto& [name, crl] :
         {std::pair{"pck_crl", &signers.crls[0]}, std::pair{"root_ca_crl", &signers.crls[1]}}) {
      out[name] = window.add("this_update", crl->this_update(), "next_update", crl->next_update());
    }
    window.add(signers.tcb_info->certificates());
    window.add(signers.qe_identity->certificates());
  }
  if (endorsements.tcb_info) {
    const evidence::TcbInfo& info = *endorsements.tcb_info;
    claims["tcb_evaluation_data_number"] = info.evaluation_data_number;
    out["tcb_info"] = window.add("issue_date", info.issue_date, "next_update", info.next_update);
  }
  if (endorsements.qe_identity) {
    const evidence::QeIdentity& identity = *endorsements.qe_identity;
    out["qe_identity"] =
        window.add("issue_date", identity.issue_date, "next_update", identity.next_update);
  }
  if (pck != nullptr) window.add(pck->certificates());
  claims["collateral"] = std::move(out);
  claims["earliest_expiry"] = window.end();
}

void add_levels(Json& claims, const TcbEvaluation& tcb, std::uint16_t qe_svn, Tee tee) {
  Json out{{"level_status", status_of(tcb.platform)},
           {"level_date", tcb.platform == nullptr ? Json() : Json(to_rfc3339(tcb.platform->date))},
           {"qe_isvsvn", qe_svn},
           {"qe_status", status_of(tcb.qe)}};
  if (tee == Tee::tdx) {
    const bool named = tcb.module != nullptr && !tcb.module->id.empty();
    out["sgx_level_status"] = status_of(tcb.sgx);
    out["module_id"] = named ? Json(tcb.module->id) : Json();
    out["module_status"] = status_of(tcb.module_level);
    out["after_relaunch"] = tcb.after_relaunch ? Json(to_string(*tcb.after_relaunch)) : Json();
  }
  claims["tcb_components"] = std::move(out);
}

void add_status(Json& claims, const TcbEvaluation& tcb) {
  claims["tcb_status"] = tcb.status ? to_string(*tcb.status) : "NotSupported";
  claims["advisory_ids"] = tcb.advisory_ids;
  claims["tcb_date"] = tcb.date ? Json(to_rfc3339(*tcb.date)) : Json();
}

}  // namespace confide::verify
