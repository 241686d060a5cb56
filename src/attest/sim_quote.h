// Writes version 4 TDX quotes byte for byte as a quoting enclave does; evidence/dcap_quote.h is the
// reader. Intel TDX DCAP Quoting Library API, appendix 3.
#pragma once

#include "attest/sim_pki.h"
#include "base/bytes.h"
#include "crypto/p256.h"
#include "evidence/dcap_quote.h"

namespace confide::attest {

// The quoting enclave that is none: an attestation key, certified by the PCK key.
class SimQuotingEnclave {
 public:
  explicit SimQuotingEnclave(const SimPki& pki);

  Bytes quote(const evidence::TdReport& td) const;

 private:
  crypto::P256Key attestation_key_;
  Bytes certification_;  // the type 6 data, the same for every quote
};

}  // namespace confide::attest
