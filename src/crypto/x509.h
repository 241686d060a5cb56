// X.509 certificates and CRLs: parsing, chains to a pinned root at a given time. RFC 5280.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/hash.h"
#include "crypto/p256.h"
#include "crypto/public_key.h"

namespace confide::crypto {

// Immutable; copies share the parsed certificate.
class Certificate {
 public:
  static Result<Certificate> from_der(ByteView der);
  // Exactly one certificate, nothing before or after it but whitespace.
  static Result<Certificate> from_pem(std::string_view pem);
  // DER or PEM, whichever it looks like: the two forms files come in.
  static Result<Certificate> from_any(ByteView bytes);

  ByteView der() const noexcept;
  std::string to_pem() const;
  // RFC 2253 one-line names, for people.
  std::string subject() const;
  std::string issuer() const;
  std::string common_name() const;
  Time not_before() const;
  Time not_after() const;
  // The names' DER, for comparing byte for byte.
  Bytes subject_der() const;
  Bytes issuer_der() const;
  // Lower-case hexadecimal digits of the number, two a byte, without leading zero bytes.
  std::string serial() const;
  // Whether basicConstraints call it a CA.
  bool is_ca() const;
  // Fails with `malformed` or `unsupported` as PublicKey::from_spki() does.
  Result<PublicKey> public_key() const;
  // SHA-256 over the DER SubjectPublicKeyInfo.
  Sha256 spki_sha256() const;
  // Fails with `unsupported` if the key is not on P-256.
  Result<P256Public> p256_public() const;
  // DER of an extension's value (inside the OCTET STRING), or nothing. `oid` is dotted decimal.
  std::optional<Bytes> extension(const std::string& oid) const;
  bool operator==(const Certificate& other) const;

  struct Impl;
  const Impl& impl() const noexcept { return *impl_; }

 private:
  explicit Certificate(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// PEM certificates in file order, one to `max`. Fails with `malformed` on anything in between.
// A single trailing NUL, as quotes carry it, is ignored. A certificate that is one of `known`, byte
// for byte, is not read again: the result shares it.
Result<std::vector<Certificate>> parse_pem_chain(std::string_view pem,
                                                 std::span<const Certificate> known = {},
                                                 std::size_t max = 8);

class Crl {
 public:
  static Result<Crl> from_der(ByteView der);
  // DER, PEM, or hex text of DER: the three forms PCCS answers come in.
  static Result<Crl> from_any(ByteView bytes);

  ByteView der() const noexcept;
  std::string issuer() const;
  Time this_update() const;
  Time next_update() const;
  bool revokes(const Certificate& certificate) const;

  struct Impl;
  const Impl& impl() const noexcept { return *impl_; }

 private:
  explicit Crl(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// What verify_chain() may let pass. Whatever the rules, a certificate that signs another must be a
// CA by critical basicConstraints.
struct ChainRules {
  // Subject key identifiers of CAs and authority key identifiers of all below the root, RFC 5280
  // sections 4.2.1.1 and 4.2.1.2, must be there. AMD's VCEKs and VLEKs have none. Where there are
  // some, they must match in any case.
  bool key_identifiers = true;
  // CAs must have a key usage, RFC 5280 section 4.2.1.3. One that is there must allow signing in
  // any case; without one there is no limit to what the key may do.
  bool key_usage = true;
};

// Checks leaf-first `chain` up to `root` (pinned; it may or may not stand at the chain's end) at
// `at`: signatures, validity, CA flags, path lengths, key usage. With `crls`, each certificate
// below the root must be covered by a current CRL of its issuer that does not list it. The chain
// must be the whole path: an unneeded or misplaced certificate is `untrusted`. Fails with
// `untrusted`, `expired` or `bad_signature`.
Status verify_chain(std::span<const Certificate> chain, const Certificate& root, Time at,
                    std::span<const Crl> crls = {}, ChainRules rules = {});

// Checks an ECDSA P-256 signature (raw r || s) by the certificate's key.
Status verify_p256(const Certificate& signer, ByteView message, const P256Signature& signature);

}  // namespace confide::crypto
