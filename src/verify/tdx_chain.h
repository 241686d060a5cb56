// The signatures of a TDX quote and its collateral. Private to verify/; rules T4 to T12 and T16 of
// docs/protocols/tdx.md.
#pragma once

#include <string_view>
#include <vector>

#include "crypto/p256.h"
#include "crypto/x509.h"
#include "evidence/tdx_collateral.h"
#include "evidence/tdx_quote.h"
#include "verify/policy.h"

namespace confide::verify {

// The collateral's certificates and CRLs: read, not yet judged.
struct TdxSigners {
  std::vector<crypto::Certificate> tcb_info;     // leaf first
  std::vector<crypto::Certificate> qe_identity;  // leaf first
  std::vector<crypto::Crl> crls;                 // the PCK CA's, then the root's
};

// T4. Fails with `malformed`, and with `unavailable` if there is no collateral.
Result<TdxSigners> read_signers(const evidence::TdxCollateral* collateral);

// The quote's own certificates, leaf first: read, not yet judged.
Result<std::vector<crypto::Certificate>> read_pck_chain(const evidence::TdxQuote& quote);

// T5 to T7. The root that the chain leads to.
Result<TrustRoot> judge_pck_chain(const std::vector<crypto::Certificate>& chain,
                                  const TdxSigners& signers, const Policy& policy, Time at);

// T9.
Status check_qe_signature(const evidence::TdxQuote& quote, const crypto::Certificate& pck);
// T10.
Status check_qe_binding(const evidence::TdxQuote& quote);
// T11.
Status check_quote_signature(const evidence::TdxQuote& quote);

// T12 and T16: `text` is signed by a TCB signing certificate of `root` that is not revoked.
Status check_signed_text(std::string_view text, const crypto::P256Signature& signature,
                         const std::vector<crypto::Certificate>& chain,
                         const crypto::Certificate& root, const TdxSigners& signers, Time at);

}  // namespace confide::verify
