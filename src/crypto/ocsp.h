// OCSP: a responder's signed word on whether one certificate is revoked. RFC 6960, RFC 9654.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "crypto/x509.h"

namespace confide::crypto {

struct OcspAnswer {
  enum class Status { good, revoked, unknown };
  Status status = Status::unknown;
  std::string serial;              // of the certificate asked about, as Certificate::serial()
  std::optional<Time> revoked_at;  // with `revoked`
  // CRLReason, RFC 5280 section 5.3.1, where the responder gives one with `revoked`. 6: on hold.
  std::optional<int> reason;
  Time produced_at{};
  Time this_update{};
  std::optional<Time> next_update;  // without one, newer information is always there
};

// What `response` (DER of an OCSPResponse) says about `subject`, which `issuer` issued. It must be
// signed by `issuer`, or by a certificate in it that `issuer` issued itself for signing such
// answers (extended key usage OCSPSigning) and that is valid at `at`. The caller trusts `issuer`
// already, and judges status and dates. Fails with `malformed`; `unavailable` if the responder gave
// no answer; `not_found` if it is not about `subject`; `untrusted` or `expired` if the signer may
// not sign; `bad_signature`; `unsupported` if it is signed by an algorithm we do not take, or has a
// critical extension; `limit` beyond 64 KiB.
Result<OcspAnswer> verify_ocsp(ByteView response, const Certificate& subject,
                               const Certificate& issuer, Time at);

}  // namespace confide::crypto
