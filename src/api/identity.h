// The keys a serving process is born with, and the keysets that name them. Contract 2.2.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "aci/keyset.h"
#include "crypto/ed25519.h"
#include "crypto/x509_issue.h"
#include "seal/e2ee.h"
#include "seal/ohttp_keys.h"

namespace confide::api {

// How long a replaced sealing key still opens, for the answer "take the new key" and nothing else;
// or 255 epochs, if these are shorter, since then its identifier is given to another key.
inline constexpr std::chrono::hours kSealingGrace{1};

struct IdentityOptions {
  std::string subject;                 // of the keyset; empty: null
  std::vector<std::string> dns_names;  // of the TLS certificate
  std::vector<std::string> ip_addresses;
  Time now{};
  seal::SteadyTime steady_now{};  // when the first sealing epoch begins, as of tend()
  std::chrono::seconds lifetime{std::chrono::days{30}};
  std::chrono::seconds sealing_epoch{std::chrono::hours{24}};  // of one sealing key; 0: no end
};

// A keyset as it was published. What begins under one ends under it: a request's headers, its
// receipt and a report never mix two.
struct PublishedKeyset {
  Json keyset;
  std::string digest;
  Bytes key_configs;  // application/ohttp-keys: the sealing key that `keyset` lists
  crypto::X25519Public sealing_key{};
};

// Every key is made here and never leaves the process; each has one role. Thread-safe.
class Identity {
 public:
  static Result<std::unique_ptr<Identity>> create(const IdentityOptions& options);

  const crypto::Ed25519Key& receipt_key() const noexcept { return receipt_key_; }
  std::string_view receipt_key_id() const noexcept { return kReceiptKeyId; }
  const crypto::P256Key& tls_key() const noexcept { return tls_key_; }
  const crypto::Certificate& tls_certificate() const noexcept { return tls_certificate_; }
  Time not_after() const noexcept { return template_.not_after; }
  // The secret halves of the E2EE keys; leaves this object without them. Called once.
  std::vector<seal::OpeningKey> take_e2ee_keys() { return std::move(e2ee_keys_); }
  std::shared_ptr<const seal::OhttpKeys> sealing_keys() const noexcept { return sealing_keys_; }

  // The current one. Never null.
  std::shared_ptr<const PublishedKeyset> published() const;
  // The one that a client held who sealed to this key: the current one, or the one before if the
  // key was replaced while the request was being opened. Null if it is neither's. Not by the key's
  // identifier, which comes round again.
  std::shared_ptr<const PublishedKeyset> published_with(const crypto::X25519Public& key) const;

  // Once the epoch of the sealing key is over, replaces it and publishes a keyset with the new one;
  // all other keys stay. True if it did. Forgets replaced keys after kSealingGrace. To be called
  // every second or so, by one thread.
  Result<bool> tend(seal::SteadyTime now);

 private:
  static constexpr std::string_view kReceiptKeyId = "receipt-ed25519";

  Identity(crypto::Ed25519Key receipt_key, crypto::P256Key tls_key, crypto::Certificate certificate,
           seal::GatewayKey sealing_key);
  Result<std::shared_ptr<const PublishedKeyset>> describe(const seal::GatewayKey& key) const;

  const crypto::Ed25519Key receipt_key_;
  const crypto::P256Key tls_key_;
  const crypto::Certificate tls_certificate_;
  std::vector<seal::OpeningKey> e2ee_keys_;
  aci::Keyset template_;  // all but the sealing key
  const std::shared_ptr<seal::OhttpKeys> sealing_keys_;

  std::chrono::seconds epoch_{};
  seal::SteadyTime epoch_end_{};  // tend()'s own
  mutable std::mutex mutex_;
  std::shared_ptr<const PublishedKeyset> current_;
  std::shared_ptr<const PublishedKeyset> previous_;  // null before the first replacement
};

}  // namespace confide::api
