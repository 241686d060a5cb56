// Intel's rules for what a platform's security version numbers are worth. Private to verify/; rules
// T13 to T24 and T29 of docs/protocols/tdx.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crypto/sgx_extension.h"
#include "evidence/dcap_quote.h"
#include "evidence/tdx_collateral.h"

namespace confide::verify {

// Which of the two kinds of quotes is judged: they have other Quoting Enclaves and TCB infos.
enum class Tee { sgx, tdx };

// T13 to T15.
Status check_tcb_info(const evidence::TcbInfo& info, Tee tee, const crypto::SgxExtension& pck,
                      Time at);
// T17 and T18.
Status check_qe_identity(const evidence::QeIdentity& identity, Tee tee,
                         const evidence::EnclaveReport& qe, Time at);
// T20 and T21. What Intel says of the module that made the report; points into `info`.
Result<const evidence::TdxModuleIdentity*> find_module(const evidence::TcbInfo& info,
                                                       const evidence::TdReport& td);

// The levels found, and what they come to. Points into what was passed to evaluate_tcb().
struct TcbEvaluation {
  const evidence::TcbLevel* sgx = nullptr;       // of a TDX platform: without its TDX components
  const evidence::TcbLevel* platform = nullptr;  // with all components
  const evidence::TdxModuleIdentity* module = nullptr;
  const evidence::TcbLevel* module_level = nullptr;  // null also for a TDX 1.0 module: it has none
  const evidence::TcbLevel* qe = nullptr;
  // Nothing if some part is below every level that Intel lists: "NotSupported".
  std::optional<evidence::TcbStatus> status;
  // TDX 1.5: what the same TD would get if it were launched under the module that runs now.
  std::optional<evidence::TcbStatus> after_relaunch;
  std::vector<std::string> advisory_ids;  // of all levels found, each once
  std::optional<Time> date;               // the earliest of all levels found
};

// T19, T22 to T24. `td` is null for SGX.
TcbEvaluation evaluate_tcb(const evidence::TcbInfo& info, const evidence::QeIdentity& identity,
                           const crypto::SgxExtension& pck, std::uint16_t qe_svn,
                           const evidence::TdReport* td);

// T24: the platform's status made worse by that of a part, the module or the QE.
evidence::TcbStatus converge(evidence::TcbStatus platform, evidence::TcbStatus part);
// T29: the status at launch, if a TD launched now would have `current`.
evidence::TcbStatus advise_relaunch(evidence::TcbStatus launch, evidence::TcbStatus current);

}  // namespace confide::verify
