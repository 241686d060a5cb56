// Private to crypto/: what Certificate and Crl hold. AWS-LC fills caches inside these objects
// under its own lock, so its functions want them mutable; to us they are constant after from_der().
#pragma once

#include <mutex>
#include <optional>

#include "crypto/aws_lc.h"
#include "crypto/x509.h"

namespace confide::crypto {

struct Certificate::Impl {
  Handle<X509> x509;
  Bytes der;
  Time not_before{};
  Time not_after{};

  // Made ready to verify when first asked for.
  const Result<PublicKey>& public_key() const;

 private:
  mutable std::once_flag key_once_;
  mutable std::optional<Result<PublicKey>> key_;
};

struct Crl::Impl {
  Handle<X509_CRL> crl;
  Bytes der;
  Time this_update{};
  Time next_update{};

  // Whether `issuer`'s key signed it. The key that did is remembered: several certificates of a
  // chain, and several chains, ask for the same.
  bool is_signed_by(X509& issuer) const;

 private:
  mutable std::mutex mutex_;
  mutable Bytes signer_;  // DER of the key's SubjectPublicKeyInfo; empty until one is found
};

// Fails with `malformed` if `time` is null or no time.
Result<Time> to_time(const ASN1_TIME* time);

}  // namespace confide::crypto
