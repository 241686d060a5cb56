#include "api/identity.h"

#include <string>
#include <utility>

namespace confide::api {
namespace {

constexpr std::uint8_t kFirstSealingKeyId = 1;

Result<crypto::Certificate> self_signed(const IdentityOptions& options,
                                        const crypto::P256Key& key) {
  // A few minutes of grace for clients whose clock is behind; the keyset's own limit is exact.
  const crypto::CertificateRequest request{.common_name = "confide-server",
                                           .organization = "",
                                           .subject_key = key.public_key(),
                                           .not_before = options.now - std::chrono::minutes{5},
                                           .not_after = options.now + options.lifetime,
                                           .tls_server = true,
                                           .dns_names = options.dns_names,
                                           .ip_addresses = options.ip_addresses,
                                           .crl_url = "",
                                           .extensions = {}};
  return crypto::issue_certificate(request, key, nullptr);
}

}  // namespace

Identity::Identity(crypto::Ed25519Key receipt_key, std::optional<crypto::P256Key> tls_key,
                   crypto::Certificate certificate, seal::GatewayKey sealing_key)
    : receipt_key_(std::move(receipt_key)),
      tls_key_(std::move(tls_key)),
      tls_keys_{{.spki_sha256 = to_hex(certificate.spki_sha256()), .until = std::nullopt}},
      sealing_keys_(std::make_shared<seal::OhttpKeys>(std::move(sealing_key))),
      tls_certificate_(std::move(certificate)) {}

Result<std::unique_ptr<Identity>> Identity::create(const IdentityOptions& options) {
  std::optional<crypto::Certificate> certificate = options.tls_certificate;
  std::optional<crypto::P256Key> tls_key;
  if (!certificate) {
    tls_key = crypto::P256Key::generate();
    TRY_ASSIGN(certificate, self_signed(options, *tls_key));
  }
  std::unique_ptr<Identity> out(new Identity(crypto::Ed25519Key::generate(), std::move(tls_key),
                                             *std::move(certificate),
                                             seal::GatewayKey::generate(kFirstSealingKeyId)));
  aci::Keyset& keyset = out->template_;
  if (!options.subject.empty()) keyset.subject = options.subject;
  keyset.not_after = options.now + options.lifetime;
  keyset.receipt_signing_keys = {{.key_id = std::string(kReceiptKeyId),
                                  .algo = std::string(aci::kAlgoEd25519),
                                  .public_key = to_hex(out->receipt_key_.public_key())}};
  for (const seal::Suite suite : {seal::Suite::x25519, seal::Suite::secp256k1}) {
    out->e2ee_keys_.push_back(seal::OpeningKey::generate(suite));
    keyset.e2ee_public_keys.push_back(
        {.key_id = suite == seal::Suite::x25519 ? "e2ee-x25519" : "e2ee-secp256k1",
         .algo = std::string(seal::to_string(suite)),
         .public_key = out->e2ee_keys_.back().public_hex()});
  }
  out->epoch_ = options.sealing_epoch;
  out->epoch_end_ = options.steady_now + options.sealing_epoch;
  TRY_ASSIGN(out->current_, out->describe(*out->sealing_keys_->current()));
  return out;
}

Result<std::shared_ptr<const PublishedKeyset>> Identity::describe(
    const seal::GatewayKey& key) const {
  aci::Keyset keyset = template_;
  for (const TlsKey& tls : tls_keys_) {
    keyset.tls_public_keys.push_back({.spki_sha256 = tls.spki_sha256, .domain = std::nullopt});
  }
  keyset.ohttp_key_configurations = {{.key_id = std::to_string(key.config().key_id),
                                      .digest = seal::key_config_digest(key.encoded())}};
  auto out = std::make_shared<PublishedKeyset>();
  out->keyset = keyset.to_json();
  TRY_ASSIGN(out->digest, aci::keyset_digest(out->keyset));
  out->key_configs = seal::join_key_configs({key.encoded()});
  out->sealing_key = key.config().public_key;
  return out;
}

crypto::Certificate Identity::tls_certificate() const {
  const std::lock_guard lock(mutex_);
  return tls_certificate_;
}

std::shared_ptr<const PublishedKeyset> Identity::published() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

std::shared_ptr<const PublishedKeyset> Identity::published_with(
    const crypto::X25519Public& key) const {
  const std::lock_guard lock(mutex_);
  for (const auto& published : {current_, previous_}) {
    if (published && published->sealing_key == key) return published;
  }
  return nullptr;
}

Result<bool> Identity::tend(seal::SteadyTime now) {
  sealing_keys_->forget_expired(now);
  const bool tls_over = std::erase_if(tls_keys_, [now](const TlsKey& key) {
                          return key.until && *key.until <= now;
                        }) > 0;
  const bool epoch_over = epoch_ != std::chrono::seconds{0} && now >= epoch_end_;
  if (!tls_over && !epoch_over) return false;
  TRY(publish(now));
  return true;
}

Result<bool> Identity::replace_tls(const crypto::Certificate& certificate, seal::SteadyTime now) {
  const std::string spki = to_hex(certificate.spki_sha256());
  if (spki != tls_keys_.front().spki_sha256) {
    std::vector<TlsKey> next{{.spki_sha256 = spki, .until = std::nullopt}};
    for (TlsKey key : tls_keys_) {
      if (key.spki_sha256 == spki) continue;  // an old one comes back
      if (!key.until) key.until = now + kTlsOverlap;
      next.push_back(std::move(key));
    }
    auto before = std::exchange(tls_keys_, std::move(next));
    if (auto published = publish(now); !published) {
      tls_keys_ = std::move(before);
      return tl::unexpected<Error>(std::move(published).error());
    }
    const std::lock_guard lock(mutex_);
    tls_certificate_ = certificate;
    return true;
  }
  const std::lock_guard lock(mutex_);
  tls_certificate_ = certificate;
  return false;
}

Status Identity::publish(seal::SteadyTime now) {
  auto key = seal::GatewayKey::generate(sealing_keys_->next_id());
  TRY_ASSIGN(auto next, describe(key));
  {
    // Before the key itself: nothing can be sealed to it that published_with() does not know.
    const std::lock_guard lock(mutex_);
    previous_ = std::exchange(current_, std::move(next));
  }
  sealing_keys_->rotate(std::move(key), now, kSealingGrace);
  epoch_end_ = now + epoch_;
  return {};
}

}  // namespace confide::api
