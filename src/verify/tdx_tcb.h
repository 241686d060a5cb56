// Intel's rules for what a platform's security version numbers are worth. Private to verify/; rules
// T13 to T24 of docs/protocols/tdx.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crypto/sgx_extension.h"
#include "evidence/tdx_collateral.h"
#include "evidence/tdx_quote.h"

namespace confide::verify {

// T13 to T15.
Status check_tcb_info(const evidence::TcbInfo& info, const crypto::SgxExtension& pck, Time at);
// T17 and T18.
Status check_qe_identity(const evidence::QeIdentity& identity, const evidence::EnclaveReport& qe,
                         Time at);
// T20 and T21. What Intel says of the module that made the report; points into `info`.
Result<const evidence::TdxModuleIdentity*> find_module(const evidence::TcbInfo& info,
                                                       const evidence::TdReport& td);

// The levels found, and what they come to. Points into what was passed to evaluate_tcb().
struct TcbEvaluation {
  const evidence::TcbLevel* platform = nullptr;
  const evidence::TdxModuleIdentity* module = nullptr;
  const evidence::TcbLevel* module_level = nullptr;  // null also for a TDX 1.0 module: it has none
  const evidence::TcbLevel* qe = nullptr;
  // Nothing if some part is below every level that Intel lists: "NotSupported".
  std::optional<evidence::TcbStatus> status;
  std::vector<std::string> advisory_ids;  // of all levels found, each once
};

// T19, T22 to T24.
TcbEvaluation evaluate_tcb(const evidence::TcbInfo& info, const evidence::QeIdentity& identity,
                           const evidence::TdxModuleIdentity& module,
                           const crypto::SgxExtension& pck, const evidence::TdxQuote& quote);

// T24: the platform's status made worse by that of a part, the module or the QE.
evidence::TcbStatus converge(evidence::TcbStatus platform, evidence::TcbStatus part);

}  // namespace confide::verify
