#include "crypto/ocsp.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "crypto/ocsp_response.h"
#include "crypto/public_key_impl.h"
#include "crypto/x509_impl.h"

namespace confide::crypto {
namespace {

constexpr std::size_t kMaxResponse = std::size_t{64} << 10U;
using namespace std::string_view_literals;

// Object identifiers' content octets.
struct Algorithm {
  std::string_view oid;
  bool is_rsa = false;  // PKCS #1 v1.5; else ECDSA
  const EVP_MD* (*hash)() = nullptr;
};
constexpr std::array kAlgorithms{
    Algorithm{"\x2A\x86\x48\xCE\x3D\x04\x03\x02"sv, false, EVP_sha256},
    Algorithm{"\x2A\x86\x48\xCE\x3D\x04\x03\x03"sv, false, EVP_sha384},
    Algorithm{"\x2A\x86\x48\xCE\x3D\x04\x03\x04"sv, false, EVP_sha512},
    Algorithm{"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0B"sv, true, EVP_sha256},
    Algorithm{"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0C"sv, true, EVP_sha384},
    Algorithm{"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0D"sv, true, EVP_sha512},
};

struct NameHash {
  std::string_view oid;
  const EVP_MD* (*hash)() = nullptr;
};
constexpr std::array kNameHashes{
    NameHash{"\x2B\x0E\x03\x02\x1A"sv, EVP_sha1},
    NameHash{"\x60\x86\x48\x01\x65\x03\x04\x02\x01"sv, EVP_sha256},
    NameHash{"\x60\x86\x48\x01\x65\x03\x04\x02\x02"sv, EVP_sha384},
};

// X509_NAME_digest() or X509_pubkey_digest() of `what`.
template <class T>
bool is_digest(ByteView expected, const EVP_MD* hash, const T* what,
               int (*digest)(const T*, const EVP_MD*, std::uint8_t*, unsigned*)) {
  ByteArray<EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  must(digest(what, hash, out.data(), &size) == 1);
  return std::ranges::equal(expected, ByteView(out).first(size));
}

bool is_responder(const OcspResponse& response, const X509_NAME* name, const X509* certificate) {
  if (name != nullptr) return X509_NAME_cmp(name, X509_get_subject_name(certificate)) == 0;
  return is_digest(response.responder_key_hash, EVP_sha1(), certificate, X509_pubkey_digest);
}

// The certificate of whoever signed: the issuer, or one that came along.
Result<Certificate> find_signer(const OcspResponse& response, const Certificate& issuer) {
  Handle<X509_NAME> name;
  if (!response.responder_name.empty()) {
    name = from_der<X509_NAME>(response.responder_name, d2i_X509_NAME);
    if (name == nullptr) return aws_lc_fail(Errc::malformed, "OCSP: the responder has no name");
  }
  if (is_responder(response, name.get(), issuer.impl().x509.get())) return issuer;
  for (const ByteView der : response.certificates) {
    TRY_ASSIGN(auto certificate, Certificate::from_der(der));
    if (is_responder(response, name.get(), certificate.impl().x509.get())) return certificate;
  }
  return fail(Errc::untrusted, "OCSP: no certificate of the responder");
}

// Section 4.2.2.2: the CA appoints a responder by issuing it a certificate for this use.
Status check_delegate(const Certificate& responder, const Certificate& issuer, Time at) {
  X509* const delegate = responder.impl().x509.get();
  X509* const ca = issuer.impl().x509.get();
  if (X509_check_issued(ca, delegate) != X509_V_OK) {
    return fail(Errc::untrusted, "OCSP: the issuer did not appoint this responder");
  }
  if ((X509_get_extension_flags(delegate) & (EXFLAG_CRITICAL | EXFLAG_INVALID)) != 0) {
    return fail(Errc::untrusted, "OCSP: the responder's certificate is of a form not allowed");
  }
  // Where there is no key usage, all bits are set; where there is no extended one, likewise.
  if ((X509_get_key_usage(delegate) & X509v3_KU_DIGITAL_SIGNATURE) == 0) {
    return fail(Errc::untrusted, "OCSP: the responder's key is not for signatures");
  }
  if ((X509_get_extension_flags(delegate) & EXFLAG_XKUSAGE) == 0 ||
      (X509_get_extended_key_usage(delegate) & XKU_OCSP_SIGN) == 0) {
    return fail(Errc::untrusted, "OCSP: the responder may not sign answers");
  }
  if (X509_verify(delegate, X509_get0_pubkey(ca)) != 1) {
    return aws_lc_fail(Errc::bad_signature, "OCSP: the responder's certificate is forged");
  }
  if (at < responder.not_before() || responder.not_after() < at) {
    return fail(Errc::expired, "OCSP: the responder's certificate is not valid now");
  }
  return {};
}

Status check_signature(const OcspResponse& response, const Certificate& issuer, Time at) {
  TRY_ASSIGN(const Certificate signer, find_signer(response, issuer));
  if (!(signer == issuer)) TRY(check_delegate(signer, issuer, at));
  TRY_ASSIGN(const PublicKey key, signer.public_key());
  const auto* const algorithm = std::ranges::find_if(kAlgorithms, [&](const Algorithm& a) {
    return a.oid == as_text(response.algorithm) && a.is_rsa == (key.kind() == KeyKind::rsa);
  });
  if (algorithm == kAlgorithms.end()) {
    return fail(Errc::unsupported, "OCSP: signed by an algorithm that we do not take");
  }
  return verify_signature(key, algorithm->hash(), RsaPadding::pkcs1, response.signed_bytes,
                          response.signature);
}

// One whose hash we do not know is about nobody.
bool is_about(const OcspSingle& answer, const Certificate& subject, const Certificate& issuer) {
  const auto* const known = std::ranges::find_if(
      kNameHashes, [&](const NameHash& h) { return h.oid == as_text(answer.hash); });
  if (known == kNameHashes.end()) return false;
  const X509* const ca = issuer.impl().x509.get();
  const Bytes serial = to_der(X509_get0_serialNumber(subject.impl().x509.get()), i2d_ASN1_INTEGER);
  const X509_NAME* const name = X509_get_subject_name(ca);
  return std::ranges::equal(answer.serial, serial) &&
         is_digest(answer.issuer_name_hash, known->hash(), name, X509_NAME_digest) &&
         is_digest(answer.issuer_key_hash, known->hash(), ca, X509_pubkey_digest);
}

// The one answer about `subject`.
Result<const OcspSingle*> find_answer(const OcspResponse& response, const Certificate& subject,
                                      const Certificate& issuer) {
  if (subject.issuer_der() != issuer.subject_der()) {
    return fail(Errc::not_found, "OCSP: the issuer is not the certificate's");
  }
  const OcspSingle* found = nullptr;
  for (const OcspSingle& answer : response.answers) {
    if (!is_about(answer, subject, issuer)) continue;
    if (found != nullptr) return fail(Errc::malformed, "OCSP: two answers about one certificate");
    found = &answer;
  }
  if (found == nullptr) return fail(Errc::not_found, "OCSP: not about this certificate");
  return found;
}

}  // namespace

Result<OcspAnswer> verify_ocsp(ByteView response, const Certificate& subject,
                               const Certificate& issuer, Time at) {
  if (response.size() > kMaxResponse) return fail(Errc::limit, "OCSP: response too large");
  TRY_ASSIGN(const OcspResponse parsed, parse_ocsp_response(response));
  TRY_ASSIGN(const OcspSingle* const found, find_answer(parsed, subject, issuer));
  if (parsed.has_critical_extension || found->has_critical_extension) {
    return fail(Errc::unsupported, "OCSP: a critical extension");
  }
  OcspAnswer out = found->answer;
  out.serial = subject.serial();
  out.produced_at = parsed.produced_at;
  TRY(check_signature(parsed, issuer, at));
  return out;
}

}  // namespace confide::crypto
