// What Intel does for a real platform, done under the simulator's root: PCK certificate, TCB info,
// QE identity, CRLs. docs/protocols/simulator.md, rules S2 to S5.
#pragma once

#include <string>

#include "attest/sim_root.h"
#include "base/clock.h"
#include "crypto/p256.h"
#include "crypto/x509.h"
#include "evidence/tdx_collateral.h"

namespace confide::attest {

inline constexpr std::chrono::days kSimCollateralValidity{30};

// Immutable once made; its keys live in memory alone and change with every start.
class SimPki {
 public:
  static Result<SimPki> make(SimIssuer root, Time now);

  // PEM, leaf first: PCK certificate, platform CA, root.
  const std::string& pck_chain_pem() const noexcept { return pck_chain_pem_; }
  // By the PCK key, as the provisioning enclave certifies a quoting enclave's report.
  crypto::P256Signature sign_qe_report(ByteView report) const { return pck_key_.sign(report); }
  // Issued at `now`, valid for kSimCollateralValidity.
  Result<evidence::TdxCollateral> collateral(Time now) const;

 private:
  SimPki(SimIssuer root, SimIssuer platform_ca, SimIssuer tcb_signer, crypto::P256Key pck_key,
         std::string pck_chain_pem);

  SimIssuer root_;
  SimIssuer platform_ca_;
  SimIssuer tcb_signer_;
  crypto::P256Key pck_key_;
  std::string pck_chain_pem_;
};

}  // namespace confide::attest
