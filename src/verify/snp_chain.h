// The certificates of a SEV-SNP report, up to AMD's root. Private to verify/; rules S4 to S8 of
// docs/protocols/snp.md.
#pragma once

#include <optional>

#include "crypto/amd_extension.h"
#include "crypto/x509.h"
#include "evidence/snp_certificates.h"
#include "verify/policy.h"

namespace confide::verify {

// Read, not yet judged.
struct SnpSigners {
  crypto::Certificate leaf;
  crypto::Certificate ica;
  std::optional<crypto::Certificate> ark;
  std::optional<crypto::Crl> crl;
};

// What the names of a chain say it is.
struct SnpChainNames {
  evidence::SnpSigningKey key;  // vcek or vlek
  evidence::SnpProduct product;
};

// S4. Fails with `malformed`, and with `unavailable` if the leaf or its issuer is not there.
Result<SnpSigners> read_snp_signers(const evidence::SnpCertificates* certificates);

// S5.
Result<SnpChainNames> read_snp_names(const SnpSigners& signers);

// S6. The root that the chain leads to.
Result<TrustRoot> judge_snp_chain(const SnpSigners& signers, const SnpChainNames& names,
                                  const Policy& policy, Time at);

// S7.
Status check_snp_crl(const SnpSigners& signers, const TrustRoot& root, const SnpPolicy& policy,
                     Time at);

// S8.
Result<crypto::AmdExtension> read_snp_extension(const SnpSigners& signers,
                                                const SnpChainNames& names);

}  // namespace confide::verify
