#include "verify/tdx_claims.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "verify/tdx_policy.h"

namespace confide::verify {
namespace {

Json status_of(const evidence::TcbLevel* level) {
  return level == nullptr ? Json() : Json(to_string(level->status));
}

}  // namespace

void add_claims(Json& claims, const evidence::TdxQuote& quote) {
  const evidence::TdReport& td = quote.td;
  claims["version"] = quote.header.version;
  claims["att_key_type"] = quote.header.att_key_type;
  claims["tee_type"] = quote.header.tee_type;
  claims["qe_vendor_id"] = to_hex(quote.header.qe_vendor_id);
  claims["user_data"] = to_hex(quote.header.user_data);
  claims["tee_tcb_svn"] = to_hex(td.tee_tcb_svn);
  claims["seam_attributes"] = to_hex(td.seam_attributes);
  claims["td_attributes"] = to_hex(td.td_attributes);
  claims["xfam"] = to_hex(td.xfam);
  for (const std::string_view name : kMeasurementNames) {
    claims[std::string(name)] = to_hex(*find_register(td, name));
  }
  claims["report_data"] = to_hex(td.report_data);
}

void add_claims(Json& claims, const crypto::SgxExtension& pck) {
  claims["fmspc"] = to_hex(pck.fmspc);
  claims["pce_id"] = to_hex(pck.pce_id);
  claims["pce_svn"] = pck.pce_svn;
  claims["cpu_svn"] = to_hex(pck.cpu_svn);
  claims["ppid"] = to_hex(pck.ppid);
}

void add_claims(Json& claims, const TcbEvaluation& tcb, const evidence::TdxQuote& quote) {
  claims["tcb_status"] = tcb.status ? to_string(*tcb.status) : "NotSupported";
  claims["advisory_ids"] = tcb.advisory_ids;
  claims["tcb_components"] =
      Json{{"level_status", status_of(tcb.platform)},
           {"level_date", tcb.platform == nullptr ? Json() : Json(to_rfc3339(tcb.platform->date))},
           {"module_id", tcb.module->id.empty() ? Json() : Json(tcb.module->id)},
           {"module_status", status_of(tcb.module_level)},
           {"qe_isvsvn", quote.qe_report.isv_svn},
           {"qe_status", status_of(tcb.qe)}};
}

}  // namespace confide::verify
