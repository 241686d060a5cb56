// The signatures of a quote and its collateral. Private to verify/; rules T4 to T12 and T16 of
// docs/protocols/tdx.md.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/p256.h"
#include "crypto/sgx_extension.h"
#include "crypto/x509.h"
#include "evidence/dcap_quote.h"
#include "verify/endorsements.h"
#include "verify/policy.h"

namespace confide::verify {

// The collateral's certificates and CRLs: read, not yet judged.
struct DcapSigners {
  std::vector<crypto::Certificate> tcb_info;     // leaf first
  std::vector<crypto::Certificate> qe_identity;  // leaf first
  std::vector<crypto::Crl> crls;                 // the PCK CA's, then the root's
};

// A quote's own certificates, leaf first, and what the leaf says of the platform: read, not judged.
struct PckChain {
  std::vector<crypto::Certificate> certificates;
  Result<crypto::SgxExtension> extension;  // T8
};

// Remembers how PEM texts read: nothing about whether to believe them.
class PckChains {
 public:
  // T5, as far as the text goes. Fails with `malformed`.
  Result<std::shared_ptr<const PckChain>> read(const std::string& pem) const;

 private:
  static constexpr std::size_t kMost = 64;  // platforms; beyond, all are forgotten

  mutable std::mutex mutex_;
  mutable std::map<std::string, std::shared_ptr<const PckChain>> known_;
};

struct Endorsements::Impl {
  Result<DcapSigners> signers;  // T4
  // Signed by the first certificate of their chains, whoever that is.
  Result<evidence::TcbInfo> tcb_info;
  Result<evidence::QeIdentity> qe_identity;
  PckChains pck_chains;
};

// T5 to T7. The root that the chain leads to.
Result<TrustRoot> judge_pck_chain(const std::vector<crypto::Certificate>& chain,
                                  const DcapSigners& signers, const Policy& policy, Time at);

// T9.
Status check_qe_signature(const evidence::DcapQuote& quote, const crypto::Certificate& pck);
// T10.
Status check_qe_binding(const evidence::DcapQuote& quote);
// T11.
Status check_quote_signature(const evidence::DcapQuote& quote);

// T12 and T16: the chain begins with a TCB signing certificate that `root` vouches for and nobody
// revoked.
Status judge_tcb_signer(const std::vector<crypto::Certificate>& chain,
                        const crypto::Certificate& root, const DcapSigners& signers, Time at);

}  // namespace confide::verify
