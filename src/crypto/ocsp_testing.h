// For tests only: OCSP responses of our own making, right and wrong.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crypto/der.h"
#include "crypto/signing_key.h"
#include "crypto/x509.h"

namespace confide::crypto {

// One element: tag, length, content.
inline Bytes der_element(DerTag tag, ByteView content) {
  Bytes out{static_cast<std::uint8_t>(tag)};
  if (content.size() >= 0x100) {
    out.push_back(0x82);
    out.push_back(static_cast<std::uint8_t>(content.size() >> 8U));
  } else if (content.size() >= 0x80) {
    out.push_back(0x81);
  }
  out.push_back(static_cast<std::uint8_t>(content.size()));
  append(out, content);
  return out;
}

inline Bytes der_element(DerTag tag, std::initializer_list<Bytes> members) {
  Bytes content;
  for (const Bytes& member : members) append(content, member);
  return der_element(tag, content);
}

// GeneralizedTime.
inline Bytes der_time(Time t) {
  std::string text = to_rfc3339(t);  // 2026-11-22T05:00:00Z
  std::erase_if(text, [](char c) { return c == '-' || c == ':' || c == 'T'; });
  return der_element(DerTag::generalized_time, as_bytes(text));
}

// An AlgorithmIdentifier of an OID's content in hexadecimal, without parameters.
inline Bytes der_algorithm(std::string_view oid_hex) {
  return der_element(DerTag::sequence, {der_element(DerTag::oid, from_hex(oid_hex).value())});
}

// The bit string that ends a SubjectPublicKeyInfo.
inline Bytes key_bits_for_test(const PublicKey& key) {
  DerReader spki = der_sequence(key.spki(), "key").value();
  (void)spki.any().value();
  return to_bytes(spki.bits().value());
}

// What an answer says. Its defaults make it good and current for a day.
struct OcspTestAnswer {
  Certificate subject;
  Certificate issuer;
  Time this_update{};
  std::optional<Time> next_update = this_update + std::chrono::days{1};
  Bytes status = {0x80, 0x00};  // CertStatus: good [0], revoked [1], unknown [2]
  Bytes extensions = {};        // singleExtensions [1], if any

  // SingleResponse, with a CertID by SHA-256.
  Bytes encode() const;
};

// CertStatus "revoked", with a CRLReason (RFC 5280 section 5.3.1) unless it is absent.
inline Bytes ocsp_revoked(Time since, std::optional<std::uint8_t> reason = std::nullopt) {
  Bytes content = der_time(since);
  if (reason) {
    append(content, der_element(der_context_constructed(0),
                                {der_element(DerTag::enumerated, {Bytes{*reason}})}));
  }
  return der_element(der_context_constructed(1), content);
}

Bytes ocsp_cert_id(const Certificate& subject, const Certificate& issuer);

// A successful response by SHA-256 of P-256 keys or SHA-384 of P-384 keys, whose responder is named
// by `signer`, and which carries `certificates`.
struct OcspTestResponse {
  std::vector<Bytes> answers;
  Certificate signer;
  std::vector<Certificate> certificates = {};
  Time produced_at{};
  Bytes extensions = {};  // responseExtensions [1], if any

  Bytes sign(const SigningKey& key) const;
};

// OCSPResponse around a BasicOCSPResponse.
inline Bytes ocsp_wrap(const Bytes& basic, std::uint8_t status = 0) {
  const Bytes type = from_hex("2b0601050507300101").value();  // id-pkix-ocsp-basic
  return der_element(
      DerTag::sequence,
      {der_element(DerTag::enumerated, {Bytes{status}}),
       der_element(der_context_constructed(0),
                   {der_element(DerTag::sequence, {der_element(DerTag::oid, type),
                                                   der_element(DerTag::octet_string, basic)})})});
}

inline Bytes ocsp_cert_id(const Certificate& subject, const Certificate& issuer) {
  const auto hash = [](ByteView bytes) { return der_element(DerTag::octet_string, sha256(bytes)); };
  Bytes serial = from_hex(subject.serial()).value();
  if ((serial[0] & 0x80U) != 0) serial.insert(serial.begin(), 0);
  return der_element(
      DerTag::sequence,
      {der_algorithm("608648016503040201"), hash(issuer.subject_der()),
       hash(key_bits_for_test(issuer.public_key().value())), der_element(DerTag::integer, serial)});
}

inline Bytes OcspTestAnswer::encode() const {
  const Bytes until =
      next_update ? der_element(der_context_constructed(0), {der_time(*next_update)}) : Bytes();
  return der_element(DerTag::sequence, {ocsp_cert_id(subject, issuer), status,
                                        der_time(this_update), until, extensions});
}

inline Bytes OcspTestResponse::sign(const SigningKey& key) const {
  Bytes list;
  for (const Bytes& answer : answers) append(list, answer);
  const Bytes data = der_element(
      DerTag::sequence, {der_element(der_context_constructed(1), signer.subject_der()),
                         der_time(produced_at), der_element(DerTag::sequence, list), extensions});
  const bool is_p256 = key.public_key().kind() == KeyKind::p256;
  Bytes signature{0};  // no unused bits
  append(signature,
         key.sign(is_p256 ? SignatureScheme::p256_sha256_der : SignatureScheme::p384_sha384_der,
                  data));
  Bytes attached;
  for (const Certificate& c : certificates) append(attached, c.der());
  const Bytes certs = certificates.empty() ? Bytes()
                                           : der_element(der_context_constructed(0),
                                                         {der_element(DerTag::sequence, attached)});
  return ocsp_wrap(der_element(
      DerTag::sequence, {data, der_algorithm(is_p256 ? "2a8648ce3d040302" : "2a8648ce3d040303"),
                         der_element(DerTag::bit_string, signature), certs}));
}

}  // namespace confide::crypto
