// The keys a serving process is born with, and the keyset that names them. Contract 2.2.
#pragma once

#include <string>
#include <vector>

#include "aci/keyset.h"
#include "crypto/ed25519.h"
#include "crypto/x509_issue.h"
#include "seal/e2ee.h"

namespace confide::api {

struct IdentityOptions {
  std::string subject;                 // of the keyset; empty: null
  std::vector<std::string> dns_names;  // of the TLS certificate
  std::vector<std::string> ip_addresses;
  Time now{};
  std::chrono::seconds lifetime{std::chrono::days{30}};
};

// Every key is made here and never leaves the process; each has one role.
class Identity {
 public:
  static Result<Identity> create(const IdentityOptions& options);

  const crypto::Ed25519Key& receipt_key() const noexcept { return receipt_key_; }
  std::string_view receipt_key_id() const noexcept { return kReceiptKeyId; }
  const crypto::P256Key& tls_key() const noexcept { return tls_key_; }
  const crypto::Certificate& tls_certificate() const noexcept { return tls_certificate_; }
  const Json& keyset() const noexcept { return keyset_; }
  const std::string& keyset_digest() const noexcept { return digest_; }
  Time not_after() const noexcept { return not_after_; }
  // The secret halves of the E2EE keys; leaves this object without them.
  std::vector<seal::OpeningKey> take_e2ee_keys() { return std::move(e2ee_keys_); }

 private:
  static constexpr std::string_view kReceiptKeyId = "receipt-ed25519";

  Identity(crypto::Ed25519Key receipt_key, crypto::P256Key tls_key, crypto::Certificate certificate)
      : receipt_key_(std::move(receipt_key)),
        tls_key_(std::move(tls_key)),
        tls_certificate_(std::move(certificate)) {}

  crypto::Ed25519Key receipt_key_;
  crypto::P256Key tls_key_;
  crypto::Certificate tls_certificate_;
  std::vector<seal::OpeningKey> e2ee_keys_;
  Json keyset_;
  std::string digest_;
  Time not_after_{};
};

}  // namespace confide::api
