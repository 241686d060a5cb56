// Who signed a manifest. Private to verify/; rules G13 and G14 of docs/protocols/gpu.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "verify/gpu_chain.h"

namespace confide::verify {

struct RimSigners {
  Result<CertificateChain> chain;  // G13: of the signature's key, if the signature is good
  Result<TrustRoot> root;          // G14
  // rim_xmldsig; rim_chain with rim_cert[N]_expired or rim_cert[N]_not_yet_valid for each of them.
  std::vector<std::string> findings;

  // The chain with its root at the end.
  CertificateChain path() const;
};
RimSigners judge_rim_signers(std::string_view xml, const Policy& policy, Time at);

}  // namespace confide::verify
