#include "api/identity.h"

namespace confide::api {

Result<Identity> Identity::create(const IdentityOptions& options) {
  const Time not_after = options.now + options.lifetime;
  crypto::P256Key tls_key = crypto::P256Key::generate();
  // A few minutes of grace for clients whose clock is behind; the keyset's own limit is exact.
  const crypto::CertificateRequest request{.common_name = "confide-server",
                                           .organization = "",
                                           .subject_key = tls_key.public_key(),
                                           .not_before = options.now - std::chrono::minutes{5},
                                           .not_after = not_after,
                                           .tls_server = true,
                                           .dns_names = options.dns_names,
                                           .ip_addresses = options.ip_addresses,
                                           .crl_url = "",
                                           .extensions = {}};
  TRY_ASSIGN(auto certificate, crypto::issue_certificate(request, tls_key, nullptr));

  Identity out(crypto::Ed25519Key::generate(), std::move(tls_key), std::move(certificate));
  out.not_after_ = not_after;
  aci::Keyset keyset;
  if (!options.subject.empty()) keyset.subject = options.subject;
  keyset.not_after = not_after;
  keyset.receipt_signing_keys = {{.key_id = std::string(kReceiptKeyId),
                                  .algo = std::string(aci::kAlgoEd25519),
                                  .public_key = to_hex(out.receipt_key_.public_key())}};
  for (const seal::Suite suite : {seal::Suite::x25519, seal::Suite::secp256k1}) {
    out.e2ee_keys_.push_back(seal::OpeningKey::generate(suite));
    keyset.e2ee_public_keys.push_back(
        {.key_id = suite == seal::Suite::x25519 ? "e2ee-x25519" : "e2ee-secp256k1",
         .algo = std::string(seal::to_string(suite)),
         .public_key = out.e2ee_keys_.back().public_hex()});
  }
  keyset.tls_public_keys = {
      {.spki_sha256 = to_hex(out.tls_certificate_.spki_sha256()), .domain = std::nullopt}};
  out.keyset_ = keyset.to_json();
  TRY_ASSIGN(out.digest_, aci::keyset_digest(out.keyset_));
  return out;
}

}  // namespace confide::api
