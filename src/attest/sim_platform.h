// The platform that the simulator pretends to be: constants that its quotes, its PCK certificate
// and its collateral must agree on. docs/protocols/simulator.md, rules S4 to S8.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "crypto/sgx_extension.h"
#include "evidence/dcap_quote.h"

namespace confide::attest {

inline constexpr std::string_view kSimOrganization = "Confide SIMULATED";

// Security version numbers of the one TCB level that is up to date.
inline constexpr ByteArray<16> kSimSgxSvn{4, 4, 2, 2, 4, 1, 0, 5};
inline constexpr std::uint16_t kSimPceSvn = 13;
inline constexpr ByteArray<2> kSimPceId{};
inline constexpr ByteArray<6> kSimFmspc{0x00, 'S', 'I', 'M', 0x00, 0x00};
// As a TD reports it: TDX module 1 at security version 6, late microcode 4.
inline constexpr ByteArray<16> kSimTeeTcbSvn{6, 1, 4};
// As TCB info demands it: the first two belong to the module, whose identity has its own levels.
inline constexpr ByteArray<16> kSimTdxSvn{5, 0, 4};
inline constexpr std::uint16_t kSimModuleSvn = 6;

inline constexpr std::uint16_t kSimQeProdId = 2;
inline constexpr std::uint16_t kSimQeSvn = 6;
// INIT, MODE64BIT, PROVISION_KEY; XFRM of the machine. No DEBUG.
inline constexpr ByteArray<16> kSimQeAttributes{0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7};

// Digests of sentences that say what they are.
ByteArray<32> sim_qe_mr_enclave();
ByteArray<32> sim_qe_mr_signer();

// A TD report with all but mr_config_id, RTMRs and report_data filled in: SEPT_VE_DISABLE on, DEBUG
// off, measurements of a firmware and a TDX module that do not exist.
evidence::TdReport sim_td_report();

// The value of the PCK certificate's SGX extension with all members that Intel's platform CA
// writes, SGX type and platform configuration included.
Bytes sim_pck_extension(const ByteArray<16>& ppid);

}  // namespace confide::attest
