#include "verify/tdx_tcb.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

namespace confide::verify {
namespace {

using evidence::TcbLevel;
using evidence::TcbStatus;
using evidence::TdxModuleIdentity;

// Where TEE_TCB_SVN holds the version of the TDX module.
constexpr std::size_t kModuleSvn = 0;
constexpr std::size_t kModuleMajor = 1;

Status check_window(std::string_view rule, Time from, Time until, Time at) {
  if (at < from) {
    return fail(Errc::expired, fmt::format("{}: issued only on {}", rule, to_rfc3339(from)));
  }
  if (at > until) {
    return fail(Errc::expired, fmt::format("{}: superseded since {}", rule, to_rfc3339(until)));
  }
  return {};
}

template <std::size_t N>
ByteArray<N> masked(const ByteArray<N>& value, const ByteArray<N>& mask) {
  ByteArray<N> out{};
  for (std::size_t i = 0; i < N; ++i) out[i] = static_cast<std::uint8_t>(value[i] & mask[i]);
  return out;
}

bool all_at_least(std::span<const std::uint8_t> have, std::span<const std::uint8_t> want) {
  return std::ranges::equal(have, want, [](std::uint8_t h, std::uint8_t w) { return h >= w; });
}

char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, ascii_lower, ascii_lower);
}

// T23: the first level, from the highest, that the platform reaches in every number.
const TcbLevel* find_platform_level(const std::vector<TcbLevel>& levels,
                                    const crypto::SgxExtension& pck,
                                    const ByteArray<16>& tee_tcb_svn) {
  // From TDX 1.5 on, the module's own identity judges the module's two numbers (T22).
  const std::size_t skip = tee_tcb_svn[kModuleMajor] > 0 ? 2 : 0;
  const auto reaches = [&](const TcbLevel& level) {
    return all_at_least(pck.tcb_components, level.sgx_svn) && pck.pce_svn >= level.pce_svn &&
           all_at_least(std::span(tee_tcb_svn).subspan(skip),
                        std::span(level.tdx_svn).subspan(skip));
  };
  const auto at = std::ranges::find_if(levels, reaches);
  return at == levels.end() ? nullptr : &*at;
}

// T19, T22.
const TcbLevel* find_isv_level(const std::vector<TcbLevel>& levels, std::uint16_t isv_svn) {
  const auto at = std::ranges::find_if(
      levels, [isv_svn](const TcbLevel& level) { return isv_svn >= level.isv_svn; });
  return at == levels.end() ? nullptr : &*at;
}

void add_advisories(std::vector<std::string>& to, const TcbLevel* level) {
  if (level == nullptr) return;
  for (const std::string& id : level->advisory_ids) {
    if (std::ranges::find(to, id) == to.end()) to.push_back(id);
  }
}

}  // namespace

Status check_tcb_info(const evidence::TcbInfo& info, const crypto::SgxExtension& pck, Time at) {
  if (info.id != "TDX") return fail(Errc::mismatch, "T13: the TCB info is not for TDX");
  TRY(check_window("T14", info.issue_date, info.next_update, at));
  if (info.fmspc != pck.fmspc) {
    return fail(Errc::mismatch, fmt::format("T15: FMSPC {} in the TCB info, {} in the PCK",
                                            to_hex(info.fmspc), to_hex(pck.fmspc)));
  }
  if (info.pce_id != pck.pce_id) {
    return fail(Errc::mismatch, fmt::format("T15: PCE-ID {} in the TCB info, {} in the PCK",
                                            to_hex(info.pce_id), to_hex(pck.pce_id)));
  }
  return {};
}

Status check_qe_identity(const evidence::QeIdentity& identity, const evidence::EnclaveReport& qe,
                         Time at) {
  if (identity.id != "TD_QE") {
    return fail(Errc::mismatch, "T17: the QE identity is not the TD Quoting Enclave's");
  }
  TRY(check_window("T17", identity.issue_date, identity.next_update, at));
  if ((qe.misc_select & identity.misc_select_mask) != identity.misc_select) {
    return fail(Errc::mismatch, "T18: MISCSELECT differs");
  }
  if (masked(qe.attributes, identity.attributes_mask) != identity.attributes) {
    return fail(Errc::mismatch, "T18: ATTRIBUTES differ");
  }
  if (qe.mr_signer != identity.mr_signer) return fail(Errc::mismatch, "T18: MRSIGNER differs");
  if (qe.isv_prod_id != identity.isv_prod_id) {
    return fail(Errc::mismatch, "T18: ISVPRODID differs");
  }
  return {};
}

Result<const TdxModuleIdentity*> find_module(const evidence::TcbInfo& info,
                                             const evidence::TdReport& td) {
  const TdxModuleIdentity* module = nullptr;
  if (td.tee_tcb_svn[kModuleMajor] == 0) {
    if (info.module) module = &*info.module;
  } else {
    const std::string id = fmt::format("TDX_{:02x}", td.tee_tcb_svn[kModuleMajor]);
    const auto at = std::ranges::find_if(info.module_identities, [&id](const auto& candidate) {
      return equal_ignoring_case(candidate.id, id);
    });
    if (at != info.module_identities.end()) module = &*at;
  }
  if (module == nullptr) {
    return fail(Errc::not_found, fmt::format("T20: no identity for TDX module major version {}",
                                             td.tee_tcb_svn[kModuleMajor]));
  }
  if (td.mr_signer_seam != module->mr_signer) {
    return fail(Errc::mismatch, "T21: MRSIGNERSEAM differs");
  }
  if (masked(td.seam_attributes, module->attributes_mask) != module->attributes) {
    return fail(Errc::mismatch, "T21: SEAMATTRIBUTES differ");
  }
  return module;
}

TcbStatus converge(TcbStatus platform, TcbStatus part) {
  if (platform == TcbStatus::revoked || part == TcbStatus::revoked) return TcbStatus::revoked;
  if (part != TcbStatus::out_of_date) return platform;
  switch (platform) {
    case TcbStatus::up_to_date:
    case TcbStatus::sw_hardening_needed:
    case TcbStatus::out_of_date:
      return TcbStatus::out_of_date;
    case TcbStatus::configuration_needed:
    case TcbStatus::configuration_and_sw_hardening_needed:
    case TcbStatus::out_of_date_configuration_needed:
      return TcbStatus::out_of_date_configuration_needed;
    case TcbStatus::revoked:
      break;
  }
  return TcbStatus::revoked;
}

TcbEvaluation evaluate_tcb(const evidence::TcbInfo& info, const evidence::QeIdentity& identity,
                           const TdxModuleIdentity& module, const crypto::SgxExtension& pck,
                           const evidence::TdxQuote& quote) {
  const ByteArray<16>& tee_tcb_svn = quote.td.tee_tcb_svn;
  TcbEvaluation out;
  out.platform = find_platform_level(info.levels, pck, tee_tcb_svn);
  out.module = &module;
  out.qe = find_isv_level(identity.levels, quote.qe_report.isv_svn);
  const bool module_has_levels = tee_tcb_svn[kModuleMajor] > 0;
  if (module_has_levels) out.module_level = find_isv_level(module.levels, tee_tcb_svn[kModuleSvn]);
  if (out.platform == nullptr || out.qe == nullptr ||
      (module_has_levels && out.module_level == nullptr)) {
    return out;
  }
  TcbStatus status = out.platform->status;
  if (out.module_level != nullptr) status = converge(status, out.module_level->status);
  out.status = converge(status, out.qe->status);
  add_advisories(out.advisory_ids, out.platform);
  add_advisories(out.advisory_ids, out.module_level);
  add_advisories(out.advisory_ids, out.qe);
  return out;
}

}  // namespace confide::verify
