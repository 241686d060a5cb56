#include "verify/dcap_tcb.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "base/ascii.h"

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

bool reaches_sgx(const crypto::SgxExtension& pck, const TcbLevel& level) {
  return all_at_least(pck.tcb_components, level.sgx_svn) && pck.pce_svn >= level.pce_svn;
}

bool reaches_tdx(const ByteArray<16>& tee_tcb_svn, const TcbLevel& level) {
  // From TDX 1.5 on, the module's own identity judges the module's two numbers (T22).
  const std::size_t skip = tee_tcb_svn[kModuleMajor] > 0 ? 2 : 0;
  return all_at_least(std::span(tee_tcb_svn).subspan(skip), std::span(level.tdx_svn).subspan(skip));
}

// T23: the first level, from the highest, that the platform reaches in every number.
template <class Reaches>
const TcbLevel* find_level(const std::vector<TcbLevel>& levels, Reaches reaches) {
  const auto at = std::ranges::find_if(levels, reaches);
  return at == levels.end() ? nullptr : &*at;
}

// T19, T22.
const TcbLevel* find_isv_level(const std::vector<TcbLevel>& levels, std::uint16_t isv_svn) {
  return find_level(levels, [isv_svn](const TcbLevel& level) { return isv_svn >= level.isv_svn; });
}

// T20.
const TdxModuleIdentity* find_module_identity(const evidence::TcbInfo& info,
                                              const ByteArray<16>& tee_tcb_svn) {
  if (tee_tcb_svn[kModuleMajor] == 0) return info.module ? &*info.module : nullptr;
  const std::string id = fmt::format("TDX_{:02x}", tee_tcb_svn[kModuleMajor]);
  const auto at = std::ranges::find_if(info.module_identities, [&id](const auto& candidate) {
    return equal_ignoring_case(candidate.id, id);
  });
  return at == info.module_identities.end() ? nullptr : &*at;
}

// T24, for one level found.
void add_level(TcbEvaluation& to, const TcbLevel* level) {
  if (level == nullptr) return;
  for (const std::string& id : level->advisory_ids) {
    if (std::ranges::find(to.advisory_ids, id) == to.advisory_ids.end()) {
      to.advisory_ids.push_back(id);
    }
  }
  to.date = to.date ? std::min(*to.date, level->date) : level->date;
}

void conclude(TcbEvaluation& out, bool module_has_levels) {
  if (out.platform == nullptr || out.qe == nullptr ||
      (module_has_levels && out.module_level == nullptr)) {
    return;
  }
  TcbStatus status = out.platform->status;
  if (out.module_level != nullptr) status = converge(status, out.module_level->status);
  out.status = converge(status, out.qe->status);
  for (const TcbLevel* const level : {out.platform, out.module_level, out.qe}) {
    add_level(out, level);
  }
}

// The same platform under one of the two module versions that a TDX 1.5 report names.
TcbEvaluation evaluate_tdx(const evidence::TcbInfo& info, const evidence::QeIdentity& identity,
                           const crypto::SgxExtension& pck, std::uint16_t qe_svn,
                           const ByteArray<16>& tee_tcb_svn) {
  TcbEvaluation out;
  out.qe = find_isv_level(identity.levels, qe_svn);
  out.sgx = find_level(info.levels, [&](const TcbLevel& l) { return reaches_sgx(pck, l); });
  out.platform = find_level(info.levels, [&](const TcbLevel& l) {
    return reaches_sgx(pck, l) && reaches_tdx(tee_tcb_svn, l);
  });
  if (out.platform == nullptr) return out;
  const bool module_has_levels = tee_tcb_svn[kModuleMajor] > 0;
  out.module = find_module_identity(info, tee_tcb_svn);
  if (module_has_levels && out.module != nullptr) {
    out.module_level = find_isv_level(out.module->levels, tee_tcb_svn[kModuleSvn]);
  }
  conclude(out, module_has_levels);
  return out;
}

TcbEvaluation evaluate_sgx(const evidence::TcbInfo& info, const evidence::QeIdentity& identity,
                           const crypto::SgxExtension& pck, std::uint16_t qe_svn) {
  TcbEvaluation out;
  out.qe = find_isv_level(identity.levels, qe_svn);
  out.sgx = find_level(info.levels, [&](const TcbLevel& l) { return reaches_sgx(pck, l); });
  out.platform = out.sgx;
  conclude(out, false);
  return out;
}

}  // namespace

Status check_tcb_info(const evidence::TcbInfo& info, Tee tee, const crypto::SgxExtension& pck,
                      Time at) {
  const std::string_view wanted = tee == Tee::tdx ? "TDX" : "SGX";
  if (info.id != wanted) {
    return fail(Errc::mismatch, fmt::format("T13: the TCB info is not for {}", wanted));
  }
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

Status check_qe_identity(const evidence::QeIdentity& identity, Tee tee,
                         const evidence::EnclaveReport& qe, Time at) {
  const std::string_view wanted = tee == Tee::tdx ? "TD_QE" : "QE";
  if (identity.id != wanted) {
    return fail(Errc::mismatch, fmt::format("T17: the QE identity is not that of {}", wanted));
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
  const TdxModuleIdentity* const module = find_module_identity(info, td.tee_tcb_svn);
  if (module == nullptr) {
    return fail(Errc::not_found, fmt::format("T20: no identity for TDX module major version {}",
                                             td.tee_tcb_svn[kModuleMajor]));
  }
  if (td.mr_signer_seam != module->mr_signer) {
    return fail(Errc::mismatch, "T21: MRSIGNERSEAM differs");
  }
  // Intel's rule asks for both: no production module has any attribute.
  if (td.seam_attributes != ByteArray<8>{}) {
    return fail(Errc::mismatch, "T21: SEAMATTRIBUTES are not zero");
  }
  if (masked(td.seam_attributes, module->attributes_mask) != module->attributes) {
    return fail(Errc::mismatch, "T21: SEAMATTRIBUTES differ");
  }
  return module;
}

TcbStatus converge(TcbStatus platform, TcbStatus part) {
  if (part == TcbStatus::revoked) return TcbStatus::revoked;
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
    case TcbStatus::td_relaunch_advised:
    case TcbStatus::td_relaunch_advised_configuration_needed:
      break;
  }
  return TcbStatus::revoked;
}

TcbStatus advise_relaunch(TcbStatus launch, TcbStatus current) {
  const bool old =
      launch == TcbStatus::out_of_date || launch == TcbStatus::out_of_date_configuration_needed;
  const bool better = current == TcbStatus::up_to_date ||
                      current == TcbStatus::sw_hardening_needed ||
                      current == TcbStatus::configuration_needed ||
                      current == TcbStatus::configuration_and_sw_hardening_needed;
  if (!old || !better) return launch;
  const bool configuration = launch == TcbStatus::out_of_date_configuration_needed ||
                             current == TcbStatus::configuration_needed ||
                             current == TcbStatus::configuration_and_sw_hardening_needed;
  return configuration ? TcbStatus::td_relaunch_advised_configuration_needed
                       : TcbStatus::td_relaunch_advised;
}

TcbEvaluation evaluate_tcb(const evidence::TcbInfo& info, const evidence::QeIdentity& identity,
                           const crypto::SgxExtension& pck, std::uint16_t qe_svn,
                           const evidence::TdReport* td) {
  if (td == nullptr) return evaluate_sgx(info, identity, pck, qe_svn);
  TcbEvaluation out = evaluate_tdx(info, identity, pck, qe_svn, td->tee_tcb_svn);
  if (!out.status || !td->td15) return out;
  // T29: a module that runs now but has no level is as little supported as one at launch.
  out.after_relaunch = evaluate_tdx(info, identity, pck, qe_svn, td->td15->tee_tcb_svn2).status;
  if (!out.after_relaunch) {
    out.status.reset();
    out.advisory_ids.clear();
    out.date.reset();
  } else {
    out.status = advise_relaunch(*out.status, *out.after_relaunch);
  }
  return out;
}

}  // namespace confide::verify
