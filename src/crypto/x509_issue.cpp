#include "crypto/x509_issue.h"

#include <algorithm>
#include <string_view>

#include "crypto/aws_lc.h"
#include "crypto/public_key_impl.h"
#include "crypto/random.h"
#include "crypto/x509_impl.h"

namespace confide::crypto {
namespace {

// RFC 5280 section 4.2.1.3.
constexpr int kDigitalSignature = 0;
constexpr int kKeyCertSign = 5;
constexpr int kCrlSign = 6;

enum class Critical { no, yes };

void add(X509* certificate, int nid, void* value, Critical critical) {
  must(X509_add1_ext_i2d(certificate, nid, value, critical == Critical::yes ? 1 : 0,
                         X509V3_ADD_DEFAULT) == 1);
}

bool is_visible_ascii(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

ByteView view_of(const ASN1_STRING* text) {
  return {ASN1_STRING_get0_data(text), static_cast<std::size_t>(ASN1_STRING_length(text))};
}

void set_octets(ASN1_OCTET_STRING* to, ByteView bytes) {
  must(ASN1_OCTET_STRING_set(to, bytes.data(), static_cast<int>(bytes.size())) == 1);
}

// Positive and of 16 bytes, RFC 5280 section 4.1.2.2.
void set_random_serial(X509* certificate) {
  ByteArray<16> bytes{};
  random_fill(bytes);
  bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x3FU) | 0x40U);
  const auto number = own(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  must(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr);
}

Status add_name(X509_NAME* name, int nid, std::string_view text) {
  if (text.empty()) return {};
  const ByteView bytes = as_bytes(text);
  if (X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, bytes.data(),
                                 static_cast<int>(bytes.size()), -1, 0) != 1) {
    return aws_lc_fail(Errc::malformed, "X.509: unusable name");
  }
  return {};
}

Status set_names(X509* certificate, const CertificateRequest& request, const Certificate* issuer) {
  X509_NAME* subject = X509_get_subject_name(certificate);
  TRY(add_name(subject, NID_organizationName, request.organization));
  TRY(add_name(subject, NID_commonName, request.common_name));
  X509_NAME* const issuer_name =
      issuer == nullptr ? subject : X509_get_subject_name(issuer->impl().x509.get());
  must(X509_set_issuer_name(certificate, issuer_name) == 1);
  return {};
}

Result<Handle<ASN1_TIME>> to_asn1(Time t) {
  Handle<ASN1_TIME> out(ASN1_TIME_set(nullptr, to_unix(t)));
  if (out == nullptr) return aws_lc_fail(Errc::malformed, "X.509: a time beyond the year 9999");
  return out;
}

// RFC 7093 section 2, method 1: the first 160 bits of the public key's SHA-256.
void add_subject_key_id(X509* certificate) {
  const ASN1_BIT_STRING* key = X509_get0_pubkey_bitstr(certificate);
  const auto id = own(ASN1_OCTET_STRING_new());
  set_octets(id.get(), ByteView(sha256(view_of(key))).first(20));
  add(certificate, NID_subject_key_identifier, id.get(), Critical::no);
}

// Null if the issuer has no key identifier to point to.
Handle<AUTHORITY_KEYID> authority_key_id(const Certificate& issuer) {
  const ASN1_OCTET_STRING* id = X509_get0_subject_key_id(issuer.impl().x509.get());
  if (id == nullptr) return nullptr;
  auto out = own(AUTHORITY_KEYID_new());
  out->keyid = own(ASN1_OCTET_STRING_dup(id)).release();
  return out;
}

void add_usage(X509* certificate, const CertificateRequest& request) {
  const auto constraints = own(BASIC_CONSTRAINTS_new());
  constraints->ca = request.is_ca ? 0xFF : 0;
  if (request.is_ca && request.path_length >= 0) {
    constraints->pathlen = own(ASN1_INTEGER_new()).release();
    must(ASN1_INTEGER_set(constraints->pathlen, request.path_length) == 1);
  }
  add(certificate, NID_basic_constraints, constraints.get(), Critical::yes);

  const auto usage = own(ASN1_BIT_STRING_new());
  if (request.is_ca) {
    must(ASN1_BIT_STRING_set_bit(usage.get(), kKeyCertSign, 1) == 1);
    must(ASN1_BIT_STRING_set_bit(usage.get(), kCrlSign, 1) == 1);
  } else {
    must(ASN1_BIT_STRING_set_bit(usage.get(), kDigitalSignature, 1) == 1);
  }
  if (request.key_usage) add(certificate, NID_key_usage, usage.get(), Critical::yes);

  if (request.tls_server || request.ocsp_signing) {
    const auto purposes = own(sk_ASN1_OBJECT_new_null());
    const int purpose = request.tls_server ? NID_server_auth : NID_OCSP_sign;
    must(sk_ASN1_OBJECT_push(purposes.get(), OBJ_nid2obj(purpose)) > 0);
    add(certificate, NID_ext_key_usage, purposes.get(), Critical::no);
  }
}

Handle<GENERAL_NAME> ascii_name(int type, std::string_view text) {
  auto out = own(GENERAL_NAME_new());
  auto value = own(ASN1_IA5STRING_new());
  must(ASN1_STRING_set(value.get(), text.data(), static_cast<int>(text.size())) == 1);
  GENERAL_NAME_set0_value(out.get(), type, value.release());
  return out;
}

Status add_alternative_names(X509* certificate, const CertificateRequest& request) {
  if (request.dns_names.empty() && request.ip_addresses.empty()) return {};
  const auto names = own(sk_GENERAL_NAME_new_null());
  for (const std::string& dns : request.dns_names) {
    if (!is_visible_ascii(dns)) return fail(Errc::malformed, "X.509: unusable DNS name");
    must(sk_GENERAL_NAME_push(names.get(), ascii_name(GEN_DNS, dns).release()) > 0);
  }
  for (const std::string& ip : request.ip_addresses) {
    Handle<ASN1_OCTET_STRING> address(a2i_IPADDRESS(ip.c_str()));
    if (address == nullptr) return aws_lc_fail(Errc::malformed, "X.509: unusable IP address");
    auto name = own(GENERAL_NAME_new());
    GENERAL_NAME_set0_value(name.get(), GEN_IPADD, address.release());
    must(sk_GENERAL_NAME_push(names.get(), name.release()) > 0);
  }
  add(certificate, NID_subject_alt_name, names.get(), Critical::no);
  return {};
}

Status add_crl_url(X509* certificate, const std::string& url) {
  if (url.empty()) return {};
  if (!is_visible_ascii(url)) return fail(Errc::malformed, "X.509: unusable URL");
  auto names = own(sk_GENERAL_NAME_new_null());
  must(sk_GENERAL_NAME_push(names.get(), ascii_name(GEN_URI, url).release()) > 0);
  auto point = own(DIST_POINT_new());
  point->distpoint = DIST_POINT_NAME_new();
  must(point->distpoint != nullptr);
  point->distpoint->type = 0;  // fullName
  point->distpoint->name.fullname = names.release();
  const auto points = own(sk_DIST_POINT_new_null());
  must(sk_DIST_POINT_push(points.get(), point.release()) > 0);
  add(certificate, NID_crl_distribution_points, points.get(), Critical::no);
  return {};
}

Status add_further(X509* certificate, const CertificateRequest& request) {
  for (const auto& [oid, der] : request.extensions) {
    const Handle<ASN1_OBJECT> object(OBJ_txt2obj(oid.c_str(), /*no_name=*/1));
    if (object == nullptr) return aws_lc_fail(Errc::malformed, "X.509: unusable OID");
    const auto value = own(ASN1_OCTET_STRING_new());
    set_octets(value.get(), der);
    const auto extension =
        own(X509_EXTENSION_create_by_OBJ(nullptr, object.get(), /*critical=*/0, value.get()));
    must(X509_add_ext(certificate, extension.get(), -1) == 1);
  }
  return {};
}

Status add_extensions(X509* certificate, const CertificateRequest& request,
                      const Certificate* issuer) {
  if (request.key_identifiers) add_subject_key_id(certificate);
  if (request.key_identifiers && issuer != nullptr) {
    if (const auto id = authority_key_id(*issuer)) {
      add(certificate, NID_authority_key_identifier, id.get(), Critical::no);
    }
  }
  add_usage(certificate, request);
  TRY(add_alternative_names(certificate, request));
  TRY(add_crl_url(certificate, request.crl_url));
  return add_further(certificate, request);
}

Result<PublicKey> subject_key_of(const CertificateRequest& request) {
  if (const auto* const key = std::get_if<PublicKey>(&request.subject_key)) return *key;
  return PublicKey::from_point(std::get<P256Public>(request.subject_key));
}

Handle<EVP_MD_CTX> signing_context(const SigningKey& key) {
  const EVP_MD* hash = key.public_key().kind() == KeyKind::p256 ? EVP_sha256() : EVP_sha384();
  return signature_context(EVP_DigestSignInit, hash, RsaPadding::pss, key.impl().pkey.get());
}

Status expect_key_of(const Certificate& issuer, const SigningKey& key) {
  TRY_ASSIGN(const PublicKey expected, issuer.public_key());
  if (!(expected == key.public_key())) {
    return fail(Errc::mismatch, "X.509: the signing key is not the issuer's");
  }
  return {};
}

void add_revoked(X509_CRL* crl, const Certificate& certificate, const ASN1_TIME* since) {
  auto entry = own(X509_REVOKED_new());
  X509* const x509 = certificate.impl().x509.get();
  must(X509_REVOKED_set_serialNumber(entry.get(), X509_get_serialNumber(x509)) == 1);
  // The function copies the time, though its type does not say so.
  must(X509_REVOKED_set_revocationDate(entry.get(), const_cast<ASN1_TIME*>(since)) == 1);
  must(X509_CRL_add0_revoked(crl, entry.release()) == 1);
}

// RFC 5280 section 5.2: both are demanded of every CRL. The number grows with the time of issue.
void add_crl_extensions(X509_CRL* crl, const Certificate& issuer, Time this_update) {
  if (const auto id = authority_key_id(issuer)) {
    must(X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, id.get(), 0,
                               X509V3_ADD_DEFAULT) == 1);
  }
  const auto number = own(ASN1_INTEGER_new());
  must(ASN1_INTEGER_set_int64(number.get(), std::max<std::int64_t>(to_unix(this_update), 0)) == 1);
  must(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number.get(), 0, X509V3_ADD_DEFAULT) == 1);
}

}  // namespace

Result<Certificate> issue_certificate(const CertificateRequest& request,
                                      const SigningKey& issuer_key, const Certificate* issuer) {
  TRY_ASSIGN(const PublicKey subject_key, subject_key_of(request));
  if (issuer != nullptr) {
    TRY(expect_key_of(*issuer, issuer_key));
  } else if (!(subject_key == issuer_key.public_key())) {
    return fail(Errc::mismatch, "X.509: self-signed, but with another key");
  }
  TRY_ASSIGN(const auto not_before, to_asn1(request.not_before));
  TRY_ASSIGN(const auto not_after, to_asn1(request.not_after));

  const auto certificate = own(X509_new());
  must(X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  set_random_serial(certificate.get());
  TRY(set_names(certificate.get(), request, issuer));
  must(X509_set1_notBefore(certificate.get(), not_before.get()) == 1);
  must(X509_set1_notAfter(certificate.get(), not_after.get()) == 1);
  must(X509_set_pubkey(certificate.get(), subject_key.impl().pkey.get()) == 1);
  TRY(add_extensions(certificate.get(), request, issuer));
  must(X509_sign_ctx(certificate.get(), signing_context(issuer_key).get()) > 0);
  return Certificate::from_der(to_der(certificate.get(), i2d_X509));
}

Result<Crl> issue_crl(const Certificate& issuer, const SigningKey& issuer_key, Time this_update,
                      Time next_update, std::span<const Certificate> revoked) {
  TRY(expect_key_of(issuer, issuer_key));
  TRY_ASSIGN(const auto from, to_asn1(this_update));
  TRY_ASSIGN(const auto until, to_asn1(next_update));
  const auto crl = own(X509_CRL_new());
  must(X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) == 1);
  must(X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer.impl().x509.get())) == 1);
  must(X509_CRL_set1_lastUpdate(crl.get(), from.get()) == 1);
  must(X509_CRL_set1_nextUpdate(crl.get(), until.get()) == 1);
  for (const Certificate& certificate : revoked) add_revoked(crl.get(), certificate, from.get());
  must(X509_CRL_sort(crl.get()) == 1);
  add_crl_extensions(crl.get(), issuer, this_update);
  must(X509_CRL_sign_ctx(crl.get(), signing_context(issuer_key).get()) > 0);
  return Crl::from_der(to_der(crl.get(), i2d_X509_CRL));
}

}  // namespace confide::crypto
