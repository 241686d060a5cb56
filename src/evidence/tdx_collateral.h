// What Intel signs about SGX and TDX platforms: TCB info, QE identity, issuer chains, CRLs.
// Intel PCS API versions 3 and 4; the stapled form is QuoteCollateralV3 (strings, CRLs as hex).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"

namespace confide::evidence {

// As it travels, for SGX and TDX alike; nothing in it is believed before verify/ has checked its
// signatures.
struct TdxCollateral {
  std::string tcb_info;  // the exact bytes that are signed: the `tcbInfo` member's value
  ByteArray<64> tcb_info_signature{};
  std::string tcb_info_issuer_chain;  // PEM, leaf first
  std::string qe_identity;            // likewise, the `enclaveIdentity` member's value
  ByteArray<64> qe_identity_signature{};
  std::string qe_identity_issuer_chain;
  Bytes pck_crl;  // DER
  std::string pck_crl_issuer_chain;
  Bytes root_ca_crl;  // DER
};

// From and to the QuoteCollateralV3 object. Fails with `malformed`.
Result<TdxCollateral> parse_tdx_collateral(const Json& object);
Json tdx_collateral_to_json(const TdxCollateral& collateral);

enum class TcbStatus {
  up_to_date,
  sw_hardening_needed,
  configuration_needed,
  configuration_and_sw_hardening_needed,
  out_of_date,
  out_of_date_configuration_needed,
  revoked,
  // Found by comparing a TD's two module versions; no document of Intel's lists them.
  td_relaunch_advised,
  td_relaunch_advised_configuration_needed,
};
std::string_view to_string(TcbStatus status) noexcept;      // Intel's spelling: UpToDate, ...
Result<TcbStatus> parse_tcb_status(std::string_view name);  // fails with `malformed`

struct TcbLevel {
  std::array<std::uint8_t, 16> sgx_svn{};
  std::array<std::uint8_t, 16> tdx_svn{};  // zero where the TCB info is for SGX
  std::uint16_t pce_svn = 0;
  std::uint16_t isv_svn = 0;  // of a TDX module or QE identity level
  Time date{};
  TcbStatus status = TcbStatus::revoked;
  std::vector<std::string> advisory_ids;
};

struct TdxModuleIdentity {
  std::string id;  // TDX_01, ...
  ByteArray<48> mr_signer{};
  ByteArray<8> attributes{};
  ByteArray<8> attributes_mask{};
  std::vector<TcbLevel> levels;
};

struct TcbInfo {
  std::string id;   // SGX or TDX; version 2 has none and is for SGX
  int version = 0;  // 2 or 3
  Time issue_date{};
  Time next_update{};
  ByteArray<6> fmspc{};
  ByteArray<2> pce_id{};
  std::int64_t evaluation_data_number = 0;
  std::optional<TdxModuleIdentity> module;  // `tdxModule`: major version 0
  std::vector<TdxModuleIdentity> module_identities;
  std::vector<TcbLevel> levels;  // in Intel's order, highest first
};

struct QeIdentity {
  std::string id;   // QE, TD_QE or another enclave's
  int version = 0;  // 2
  Time issue_date{};
  Time next_update{};
  std::uint32_t misc_select = 0;
  std::uint32_t misc_select_mask = 0;
  ByteArray<16> attributes{};
  ByteArray<16> attributes_mask{};
  ByteArray<32> mr_signer{};
  std::uint16_t isv_prod_id = 0;
  std::vector<TcbLevel> levels;
};

// Both read the signed text itself. They fail with `malformed`, and with `unsupported` on a version
// other than those above, or a TCB type other than 0. Members not listed here are ignored.
Result<TcbInfo> parse_tcb_info(std::string_view text);
Result<QeIdentity> parse_qe_identity(std::string_view text);

}  // namespace confide::evidence
