#include "evidence/tdx_collateral.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace confide::evidence {
namespace {

constexpr std::array<std::pair<TcbStatus, std::string_view>, 9> kStatusNames{{
    {TcbStatus::up_to_date, "UpToDate"},
    {TcbStatus::sw_hardening_needed, "SWHardeningNeeded"},
    {TcbStatus::configuration_needed, "ConfigurationNeeded"},
    {TcbStatus::configuration_and_sw_hardening_needed, "ConfigurationAndSWHardeningNeeded"},
    {TcbStatus::out_of_date, "OutOfDate"},
    {TcbStatus::out_of_date_configuration_needed, "OutOfDateConfigurationNeeded"},
    {TcbStatus::revoked, "Revoked"},
    {TcbStatus::td_relaunch_advised, "TDRelaunchAdvised"},
    {TcbStatus::td_relaunch_advised_configuration_needed, "TDRelaunchAdvisedConfigurationNeeded"},
}};

// Intel writes hex in upper case, others in lower.
template <std::size_t N>
Result<ByteArray<N>> get_hex(const Json& object, std::string_view name) {
  TRY_ASSIGN(const std::string text, json::get_string(object, name));
  auto out = from_hex_array<N>(text, HexCase::any);
  if (!out) return fail(Errc::malformed, fmt::format("member '{}': {}", name, out.error().message));
  return out;
}

Result<std::uint32_t> get_hex_u32le(const Json& object, std::string_view name) {
  TRY_ASSIGN(const auto bytes, get_hex<4>(object, name));
  return ByteReader(bytes).u32le(name);
}

Result<Bytes> get_hex_bytes(const Json& object, std::string_view name) {
  TRY_ASSIGN(const std::string text, json::get_string(object, name));
  auto out = from_hex(text, HexCase::any);
  if (!out) return fail(Errc::malformed, fmt::format("member '{}': {}", name, out.error().message));
  return out;
}

Result<Time> get_time(const Json& object, std::string_view name) {
  TRY_ASSIGN(const std::string text, json::get_string(object, name));
  auto out = parse_rfc3339(text);
  if (!out) return fail(Errc::malformed, fmt::format("member '{}': {}", name, out.error().message));
  return out;
}

template <class Unsigned>
Result<Unsigned> get_uint(const Json& object, std::string_view name) {
  TRY_ASSIGN(const std::int64_t value, json::get_int(object, name));
  if (!std::in_range<Unsigned>(value)) {
    return fail(Errc::malformed, fmt::format("member '{}' is out of range", name));
  }
  return static_cast<Unsigned>(value);
}

// What every level has, whatever it is a level of.
Result<TcbLevel> parse_level(const Json& level) {
  TcbLevel out;
  TRY_ASSIGN(out.date, get_time(level, "tcbDate"));
  TRY_ASSIGN(const std::string status, json::get_string(level, "tcbStatus"));
  TRY_ASSIGN(out.status, parse_tcb_status(status));
  if (out.status == TcbStatus::td_relaunch_advised ||
      out.status == TcbStatus::td_relaunch_advised_configuration_needed) {
    return fail(Errc::malformed, "a TCB level has no such status");
  }
  if (json::find(level, "advisoryIDs") == nullptr) return out;
  TRY_ASSIGN(const Json* const advisories, json::get_array(level, "advisoryIDs"));
  for (const Json& id : *advisories) {
    if (!id.is_string()) return fail(Errc::malformed, "member 'advisoryIDs' holds no string");
    out.advisory_ids.push_back(id.get<std::string>());
  }
  return out;
}

Result<std::array<std::uint8_t, 16>> parse_components(const Json& tcb, std::string_view name) {
  TRY_ASSIGN(const Json* const list, json::get_array(tcb, name));
  std::array<std::uint8_t, 16> out{};
  if (list->size() != out.size()) {
    return fail(Errc::malformed, fmt::format("member '{}' has not 16 entries", name));
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    TRY_ASSIGN(out[i], get_uint<std::uint8_t>((*list)[i], "svn"));
  }
  return out;
}

// Version 2 gives each component a member of its own: sgxtcbcomp01svn to sgxtcbcomp16svn.
Result<std::array<std::uint8_t, 16>> parse_numbered_components(const Json& tcb) {
  std::array<std::uint8_t, 16> out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    TRY_ASSIGN(out[i], get_uint<std::uint8_t>(tcb, fmt::format("sgxtcbcomp{:02}svn", i + 1)));
  }
  return out;
}

Result<TcbLevel> parse_level_with_pce(const Json& level) {
  TRY_ASSIGN(TcbLevel out, parse_level(level));
  TRY_ASSIGN(const Json* const tcb, json::get_object(level, "tcb"));
  TRY_ASSIGN(out.pce_svn, get_uint<std::uint16_t>(*tcb, "pcesvn"));
  return out;
}

Result<TcbLevel> parse_sgx_level_v2(const Json& level) {
  TRY_ASSIGN(TcbLevel out, parse_level_with_pce(level));
  TRY_ASSIGN(out.sgx_svn, parse_numbered_components(*json::find(level, "tcb")));
  return out;
}

Result<TcbLevel> parse_sgx_level(const Json& level) {
  TRY_ASSIGN(TcbLevel out, parse_level_with_pce(level));
  TRY_ASSIGN(out.sgx_svn, parse_components(*json::find(level, "tcb"), "sgxtcbcomponents"));
  return out;
}

Result<TcbLevel> parse_tdx_level(const Json& level) {
  TRY_ASSIGN(TcbLevel out, parse_sgx_level(level));
  TRY_ASSIGN(out.tdx_svn, parse_components(*json::find(level, "tcb"), "tdxtcbcomponents"));
  return out;
}

// A level of the TDX module or the Quoting Enclave: one number.
Result<TcbLevel> parse_isv_level(const Json& level) {
  TRY_ASSIGN(TcbLevel out, parse_level(level));
  if (out.status != TcbStatus::up_to_date && out.status != TcbStatus::out_of_date &&
      out.status != TcbStatus::revoked) {
    return fail(Errc::malformed, "a TDX module or enclave has no such TCB status");
  }
  TRY_ASSIGN(const Json* const tcb, json::get_object(level, "tcb"));
  TRY_ASSIGN(out.isv_svn, get_uint<std::uint16_t>(*tcb, "isvsvn"));
  return out;
}

Result<std::vector<TcbLevel>> parse_levels(const Json& object,
                                           Result<TcbLevel> (*parse)(const Json&)) {
  TRY_ASSIGN(const Json* const list, json::get_array(object, "tcbLevels"));
  if (list->empty()) return fail(Errc::malformed, "member 'tcbLevels' is empty");
  std::vector<TcbLevel> out;
  for (const Json& level : *list) {
    TRY_ASSIGN(out.emplace_back(), parse(level));
  }
  return out;
}

Result<TdxModuleIdentity> parse_module(const Json& object) {
  TdxModuleIdentity out;
  TRY_ASSIGN(out.mr_signer, get_hex<48>(object, "mrsigner"));
  TRY_ASSIGN(out.attributes, get_hex<8>(object, "attributes"));
  TRY_ASSIGN(out.attributes_mask, get_hex<8>(object, "attributesMask"));
  return out;
}

Result<std::vector<TdxModuleIdentity>> parse_module_identities(const Json& info) {
  std::vector<TdxModuleIdentity> out;
  if (json::find(info, "tdxModuleIdentities") == nullptr) return out;
  TRY_ASSIGN(const Json* const list, json::get_array(info, "tdxModuleIdentities"));
  for (const Json& entry : *list) {
    TRY_ASSIGN(TdxModuleIdentity identity, parse_module(entry));
    TRY_ASSIGN(identity.id, json::get_string(entry, "id"));
    TRY_ASSIGN(identity.levels, parse_levels(entry, parse_isv_level));
    out.push_back(std::move(identity));
  }
  return out;
}

}  // namespace

std::string_view to_string(TcbStatus status) noexcept {
  const auto* const entry = std::ranges::find(kStatusNames, status, [](auto e) { return e.first; });
  return entry->second;
}

Result<TcbStatus> parse_tcb_status(std::string_view name) {
  const auto* const entry = std::ranges::find(kStatusNames, name, [](auto e) { return e.second; });
  if (entry == kStatusNames.end()) return fail(Errc::malformed, "unknown TCB status");
  return entry->first;
}

Result<TdxCollateral> parse_tdx_collateral(const Json& object) {
  TdxCollateral out;
  TRY_ASSIGN(out.tcb_info, json::get_string(object, "tcb_info"));
  TRY_ASSIGN(out.tcb_info_signature, get_hex<64>(object, "tcb_info_signature"));
  TRY_ASSIGN(out.tcb_info_issuer_chain, json::get_string(object, "tcb_info_issuer_chain"));
  TRY_ASSIGN(out.qe_identity, json::get_string(object, "qe_identity"));
  TRY_ASSIGN(out.qe_identity_signature, get_hex<64>(object, "qe_identity_signature"));
  TRY_ASSIGN(out.qe_identity_issuer_chain, json::get_string(object, "qe_identity_issuer_chain"));
  TRY_ASSIGN(out.pck_crl, get_hex_bytes(object, "pck_crl"));
  TRY_ASSIGN(out.pck_crl_issuer_chain, json::get_string(object, "pck_crl_issuer_chain"));
  TRY_ASSIGN(out.root_ca_crl, get_hex_bytes(object, "root_ca_crl"));
  return out;
}

Json tdx_collateral_to_json(const TdxCollateral& collateral) {
  return Json{{"pck_crl_issuer_chain", collateral.pck_crl_issuer_chain},
              {"root_ca_crl", to_hex(collateral.root_ca_crl)},
              {"pck_crl", to_hex(collateral.pck_crl)},
              {"tcb_info_issuer_chain", collateral.tcb_info_issuer_chain},
              {"tcb_info", collateral.tcb_info},
              {"tcb_info_signature", to_hex(collateral.tcb_info_signature)},
              {"qe_identity_issuer_chain", collateral.qe_identity_issuer_chain},
              {"qe_identity", collateral.qe_identity},
              {"qe_identity_signature", to_hex(collateral.qe_identity_signature)}};
}

Result<TcbInfo> parse_tcb_info(std::string_view text) {
  TRY_ASSIGN(const Json info, json::parse(text));
  TcbInfo out;
  TRY_ASSIGN(out.version, get_uint<std::uint16_t>(info, "version"));
  // T13: other versions lay the levels out differently, other types compare them differently.
  if (out.version != 2 && out.version != 3) {
    return fail(Errc::unsupported, fmt::format("TCB info version {}", out.version));
  }
  TRY_ASSIGN(out.id, out.version == 2 ? Result<std::string>("SGX") : json::get_string(info, "id"));
  TRY_ASSIGN(const std::int64_t type, json::get_int(info, "tcbType"));
  if (type != 0) return fail(Errc::unsupported, fmt::format("TCB type {}", type));
  TRY_ASSIGN(out.issue_date, get_time(info, "issueDate"));
  TRY_ASSIGN(out.next_update, get_time(info, "nextUpdate"));
  TRY_ASSIGN(out.fmspc, get_hex<6>(info, "fmspc"));
  TRY_ASSIGN(out.pce_id, get_hex<2>(info, "pceId"));
  TRY_ASSIGN(out.evaluation_data_number, get_uint<std::uint32_t>(info, "tcbEvaluationDataNumber"));
  if (json::find(info, "tdxModule") != nullptr) {
    TRY_ASSIGN(const Json* const module, json::get_object(info, "tdxModule"));
    TRY_ASSIGN(out.module, parse_module(*module));
  }
  TRY_ASSIGN(out.module_identities, parse_module_identities(info));
  TRY_ASSIGN(out.levels, parse_levels(info, out.version == 2  ? parse_sgx_level_v2
                                            : out.id == "TDX" ? parse_tdx_level
                                                              : parse_sgx_level));
  return out;
}

Result<QeIdentity> parse_qe_identity(std::string_view text) {
  TRY_ASSIGN(const Json identity, json::parse(text));
  QeIdentity out;
  TRY_ASSIGN(out.id, json::get_string(identity, "id"));
  TRY_ASSIGN(out.version, get_uint<std::uint16_t>(identity, "version"));
  // T17: the layout below is version 2's.
  if (out.version != 2) {
    return fail(Errc::unsupported, fmt::format("QE identity version {}", out.version));
  }
  TRY_ASSIGN(out.issue_date, get_time(identity, "issueDate"));
  TRY_ASSIGN(out.next_update, get_time(identity, "nextUpdate"));
  TRY_ASSIGN(out.misc_select, get_hex_u32le(identity, "miscselect"));
  TRY_ASSIGN(out.misc_select_mask, get_hex_u32le(identity, "miscselectMask"));
  TRY_ASSIGN(out.attributes, get_hex<16>(identity, "attributes"));
  TRY_ASSIGN(out.attributes_mask, get_hex<16>(identity, "attributesMask"));
  TRY_ASSIGN(out.mr_signer, get_hex<32>(identity, "mrsigner"));
  TRY_ASSIGN(out.isv_prod_id, get_uint<std::uint16_t>(identity, "isvprodid"));
  TRY_ASSIGN(out.levels, parse_levels(identity, parse_isv_level));
  return out;
}

}  // namespace confide::evidence
