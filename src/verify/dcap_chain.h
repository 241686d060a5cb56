// The signatures of a quote and its collateral. Private to verify/; rules T4 to T12 and T16 of
// docs/protocols/tdx.md.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "crypto/p256.h"
#include "crypto/sgx_extension.h"
#include "crypto/x509.h"
#include "evidence/dcap_quote.h"
#include "verify/endorsements.h"
#include "verify/policy.h"

namespace confide::verify {

// A chain of certificates under CRLs that never change either. Under one root its signatures,
// purposes and revocations come out the same each time, and only dates can turn the result: so a
// success is remembered with the time within which no date of certificates, root or CRLs can.
// Failures are not remembered.
class JudgedChain {
 public:
  explicit JudgedChain(std::vector<crypto::Certificate> certificates)
      : certificates_(std::move(certificates)) {}

  const std::vector<crypto::Certificate>& certificates() const noexcept { return certificates_; }
  // As crypto::verify_chain(). `crls` are the same at each call.
  Status judge(const crypto::Certificate& root, const std::vector<crypto::Crl>& crls,
               Time at) const;

 private:
  struct Success {
    crypto::Certificate root;
    Time from{};   // included
    Time until{};  // excluded
  };
  static constexpr std::size_t kMost = 8;  // roots; beyond, all are forgotten

  std::vector<crypto::Certificate> certificates_;  // leaf first
  mutable std::mutex mutex_;
  mutable std::vector<Success> successes_;
};

// A quote's own certificates and what the leaf says of the platform: read, not judged.
struct PckChain {
  PckChain(std::vector<crypto::Certificate> certificates,
           Result<crypto::SgxExtension> extension_of_leaf)
      : chain(std::move(certificates)), extension(std::move(extension_of_leaf)) {}

  const std::vector<crypto::Certificate>& certificates() const noexcept {
    return chain.certificates();
  }

  JudgedChain chain;
  Result<crypto::SgxExtension> extension;  // T8
};

// The collateral's certificates and CRLs: read, not yet judged.
struct DcapSigners {
  // Intel signs both documents by one certificate: then this is one chain, judged once.
  std::shared_ptr<const JudgedChain> tcb_info;
  std::shared_ptr<const JudgedChain> qe_identity;
  std::vector<crypto::Crl> crls;  // the PCK CA's, then the root's
};

// Remembers how PEM texts read.
class PckChains {
 public:
  // T5, as far as the text goes; certificates among `known` are shared. Fails with `malformed`.
  Result<std::shared_ptr<const PckChain>> read(const std::string& pem,
                                               std::span<const crypto::Certificate> known) const;

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
Result<TrustRoot> judge_pck_chain(const JudgedChain& chain, const DcapSigners& signers,
                                  const Policy& policy, Time at);

// T9.
Status check_qe_signature(const evidence::DcapQuote& quote, const crypto::Certificate& pck);
// T10.
Status check_qe_binding(const evidence::DcapQuote& quote);
// T11.
Status check_quote_signature(const evidence::DcapQuote& quote);

// T12 and T16: the chain begins with a TCB signing certificate that `root` vouches for and nobody
// revoked.
Status judge_tcb_signer(const JudgedChain& chain, const crypto::Certificate& root,
                        const DcapSigners& signers, Time at);

}  // namespace confide::verify
