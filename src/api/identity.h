// The keys a serving process is born with, and the keysets that name them. Contract 2.2.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
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

// How long a replaced TLS key stays listed beside the new one, for those who are still connected
// under it.
inline constexpr std::chrono::hours kTlsOverlap{24};

struct IdentityOptions {
  std::string subject;  // of the keyset; empty: null
  // The TLS certificate, if others made it and its key; else we do, for these names.
  std::optional<crypto::Certificate> tls_certificate = {};
  std::vector<std::string> dns_names;
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

// Every key is made here and never leaves the process, but for a TLS key from a file; each has one
// role. Thread-safe.
class Identity {
 public:
  static Result<std::unique_ptr<Identity>> create(const IdentityOptions& options);

  const crypto::Ed25519Key& receipt_key() const noexcept { return receipt_key_; }
  std::string_view receipt_key_id() const noexcept { return kReceiptKeyId; }
  // Null if the TLS certificate came from others.
  const crypto::P256Key* tls_key() const noexcept { return tls_key_ ? &*tls_key_ : nullptr; }
  crypto::Certificate tls_certificate() const;
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

  // Once the epoch of the sealing key is over, or a replaced TLS key needs no listing any more,
  // replaces the sealing key and publishes a keyset with the new one; all other keys stay. True if
  // it did. Forgets replaced keys after kSealingGrace. To be called every second or so, by the
  // thread that calls replace_tls().
  Result<bool> tend(seal::SteadyTime now);
  // Lists the key of another certificate, and the one before for kTlsOverlap. Whatever changes a
  // keyset changes the sealing key with it: clients then take the new keyset by themselves. True if
  // it was another key; a certificate renewed with the same key is only remembered.
  Result<bool> replace_tls(const crypto::Certificate& certificate, seal::SteadyTime now);

 private:
  static constexpr std::string_view kReceiptKeyId = "receipt-ed25519";

  struct TlsKey {
    std::string spki_sha256;
    std::optional<seal::SteadyTime> until;  // nothing: the current one
  };

  Identity(crypto::Ed25519Key receipt_key, std::optional<crypto::P256Key> tls_key,
           crypto::Certificate certificate, seal::GatewayKey sealing_key);
  // With a new sealing key and the TLS keys as they are.
  Status publish(seal::SteadyTime now);
  Result<std::shared_ptr<const PublishedKeyset>> describe(const seal::GatewayKey& key) const;

  const crypto::Ed25519Key receipt_key_;
  const std::optional<crypto::P256Key> tls_key_;
  std::vector<seal::OpeningKey> e2ee_keys_;
  aci::Keyset template_;          // all but the sealing key and the TLS keys
  std::vector<TlsKey> tls_keys_;  // newest first; tend()'s and replace_tls()'s own
  const std::shared_ptr<seal::OhttpKeys> sealing_keys_;

  std::chrono::seconds epoch_{};
  seal::SteadyTime epoch_end_{};  // tend()'s own
  mutable std::mutex mutex_;      // with what follows
  crypto::Certificate tls_certificate_;
  std::shared_ptr<const PublishedKeyset> current_;
  std::shared_ptr<const PublishedKeyset> previous_;  // null before the first replacement
};

}  // namespace confide::api
