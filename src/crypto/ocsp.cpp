#include "crypto/ocsp.h"

#include <openssl/ocsp.h>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "crypto/x509_impl.h"

namespace confide::crypto {
namespace {

constexpr std::size_t kMaxResponse = std::size_t{64} << 10U;
constexpr int kMaxCertificates = 8;
constexpr int kMaxAnswers = 64;
constexpr int kMinRsaBits = 2048;

struct OcspDeleter {
  void operator()(OCSP_RESPONSE* p) const noexcept { OCSP_RESPONSE_free(p); }
  void operator()(OCSP_BASICRESP* p) const noexcept { OCSP_BASICRESP_free(p); }
  void operator()(OCSP_CERTID* p) const noexcept { OCSP_CERTID_free(p); }
};
template <class T>
using OcspHandle = std::unique_ptr<T, OcspDeleter>;

// OpenSSL also reads BER; one answer must not have two encodings.
Result<OcspHandle<OCSP_BASICRESP>> parse(ByteView der) {
  const unsigned char* at = der.data();
  const OcspHandle<OCSP_RESPONSE> response(
      d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  if (response == nullptr || at != der.data() + der.size()) {
    return openssl_fail(Errc::malformed, "OCSP: not a response");
  }
  if (!std::ranges::equal(to_der(response.get(), i2d_OCSP_RESPONSE), der)) {
    return fail(Errc::malformed, "OCSP: not DER");
  }
  if (const int status = OCSP_response_status(response.get()); status != 0) {
    return fail(Errc::unavailable, fmt::format("OCSP: the responder answered status {}", status));
  }
  OcspHandle<OCSP_BASICRESP> basic(OCSP_response_get1_basic(response.get()));
  if (basic == nullptr) return openssl_fail(Errc::malformed, "OCSP: not a basic response");
  const Bytes encoded = to_der(basic.get(), i2d_OCSP_BASICRESP);
  if (std::ranges::search(der, encoded).empty()) return fail(Errc::malformed, "OCSP: not DER");
  return basic;
}

Status check_size(const OCSP_BASICRESP* basic) {
  // The function only reads, whatever its signature says.
  if (OCSP_resp_count(const_cast<OCSP_BASICRESP*>(basic)) > kMaxAnswers) {
    return fail(Errc::limit, "OCSP: too many answers");
  }
  if (sk_X509_num(OCSP_resp_get0_certs(basic)) > kMaxCertificates) {
    return fail(Errc::limit, "OCSP: too many certificates");
  }
  return {};
}

Status check_algorithm(const OCSP_BASICRESP& basic, const EVP_PKEY& key) {
  constexpr std::array kAllowed{NID_ecdsa_with_SHA256,       NID_ecdsa_with_SHA384,
                                NID_ecdsa_with_SHA512,       NID_sha256WithRSAEncryption,
                                NID_sha384WithRSAEncryption, NID_sha512WithRSAEncryption};
  const ASN1_OBJECT* algorithm = nullptr;
  X509_ALGOR_get0(&algorithm, nullptr, nullptr, OCSP_resp_get0_tbs_sigalg(&basic));
  if (std::ranges::find(kAllowed, OBJ_obj2nid(algorithm)) == kAllowed.end() ||
      (EVP_PKEY_get_base_id(&key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(&key) < kMinRsaBits)) {
    return fail(Errc::unsupported, "OCSP: signed by an algorithm that we do not take");
  }
  return {};
}

// Section 4.2.2.2: the CA appoints a responder by issuing it a certificate for this use.
Status check_delegate(X509* delegate, const Certificate& issuer, Time at) {
  X509* const ca = issuer.impl().x509.get();
  if (X509_check_issued(ca, delegate) != X509_V_OK) {
    return fail(Errc::untrusted, "OCSP: the issuer did not appoint this responder");
  }
  if ((X509_get_extension_flags(delegate) & (EXFLAG_CRITICAL | EXFLAG_INVALID)) != 0) {
    return fail(Errc::untrusted, "OCSP: the responder's certificate is of a form not allowed");
  }
  // Where there is no key usage, all bits are set; where there is no extended one, likewise.
  if ((X509_get_key_usage(delegate) & KU_DIGITAL_SIGNATURE) == 0) {
    return fail(Errc::untrusted, "OCSP: the responder's key is not for signatures");
  }
  if ((X509_get_extension_flags(delegate) & EXFLAG_XKUSAGE) == 0 ||
      (X509_get_extended_key_usage(delegate) & XKU_OCSP_SIGN) == 0) {
    return fail(Errc::untrusted, "OCSP: the responder may not sign answers");
  }
  if (X509_verify(delegate, X509_get0_pubkey(ca)) != 1) {
    return openssl_fail(Errc::bad_signature, "OCSP: the responder's certificate is forged");
  }
  TRY_ASSIGN(const Time from, to_time(X509_get0_notBefore(delegate)));
  TRY_ASSIGN(const Time until, to_time(X509_get0_notAfter(delegate)));
  if (at < from || until < at) {
    return fail(Errc::expired, "OCSP: the responder's certificate is not valid now");
  }
  return {};
}

Status check_signature(OCSP_BASICRESP* basic, const Certificate& issuer, Time at) {
  const auto list = own(sk_X509_new_null());
  must(sk_X509_push(list.get(), issuer.impl().x509.get()) > 0);
  X509* signer = nullptr;
  if (OCSP_resp_get0_signer(basic, &signer, list.get()) != 1) {
    return openssl_fail(Errc::untrusted, "OCSP: no certificate of the responder");
  }
  if (X509_cmp(signer, issuer.impl().x509.get()) != 0) TRY(check_delegate(signer, issuer, at));
  const EVP_PKEY* key = X509_get0_pubkey(signer);
  if (key == nullptr) return openssl_fail(Errc::unsupported, "OCSP: unreadable responder key");
  TRY(check_algorithm(*basic, *key));

  // Who may sign is settled: what is left is the signature by that certificate and no other.
  const auto only = own(sk_X509_new_null());
  must(sk_X509_push(only.get(), signer) > 0);
  if (OCSP_basic_verify(basic, only.get(), nullptr, OCSP_NOINTERN | OCSP_NOVERIFY) != 1) {
    return openssl_fail(Errc::bad_signature, "OCSP: the signature is not right");
  }
  return {};
}

// One whose hash we do not know is about nobody.
bool is_about(const OCSP_SINGLERESP* answer, const Certificate& subject,
              const Certificate& issuer) {
  constexpr std::array kHashes{NID_sha1, NID_sha256, NID_sha384};
  auto* const id = const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(answer));  // is only read
  ASN1_OBJECT* hash = nullptr;
  must(OCSP_id_get0_info(nullptr, &hash, nullptr, nullptr, id) == 1);
  const int nid = OBJ_obj2nid(hash);
  if (std::ranges::find(kHashes, nid) == kHashes.end()) return false;
  const OcspHandle<OCSP_CERTID> expected(OCSP_cert_to_id(
      EVP_get_digestbynid(nid), subject.impl().x509.get(), issuer.impl().x509.get()));
  must(expected != nullptr);
  return OCSP_id_cmp(id, expected.get()) == 0;
}

Result<OcspAnswer> read_answer(OCSP_SINGLERESP* answer) {
  if (OCSP_SINGLERESP_get_ext_by_critical(answer, 1, -1) >= 0) {
    return fail(Errc::unsupported, "OCSP: a critical extension");
  }
  OcspAnswer out;
  int reason = -1;
  ASN1_GENERALIZEDTIME* revoked_at = nullptr;
  ASN1_GENERALIZEDTIME* this_update = nullptr;
  ASN1_GENERALIZEDTIME* next_update = nullptr;
  const int status =
      OCSP_single_get0_status(answer, &reason, &revoked_at, &this_update, &next_update);
  if (status == V_OCSP_CERTSTATUS_GOOD) out.status = OcspAnswer::Status::good;
  if (status == V_OCSP_CERTSTATUS_REVOKED) {
    out.status = OcspAnswer::Status::revoked;
    TRY_ASSIGN(out.revoked_at, to_time(revoked_at));
    if (reason >= 0) out.reason = reason;
  }
  TRY_ASSIGN(out.this_update, to_time(this_update));
  if (next_update != nullptr) {
    TRY_ASSIGN(out.next_update, to_time(next_update));
  }
  return out;
}

// The one answer about `subject`.
Result<OCSP_SINGLERESP*> find_answer(OCSP_BASICRESP* basic, const Certificate& subject,
                                     const Certificate& issuer) {
  if (subject.issuer_der() != issuer.subject_der()) {
    return fail(Errc::not_found, "OCSP: the issuer is not the certificate's");
  }
  OCSP_SINGLERESP* found = nullptr;
  for (int i = 0; i < OCSP_resp_count(basic); ++i) {
    OCSP_SINGLERESP* const answer = OCSP_resp_get0(basic, i);
    if (!is_about(answer, subject, issuer)) continue;
    if (found != nullptr) return fail(Errc::malformed, "OCSP: two answers about one certificate");
    found = answer;
  }
  if (found == nullptr) return fail(Errc::not_found, "OCSP: not about this certificate");
  return found;
}

}  // namespace

Result<OcspAnswer> verify_ocsp(ByteView response, const Certificate& subject,
                               const Certificate& issuer, Time at) {
  if (response.size() > kMaxResponse) return fail(Errc::limit, "OCSP: response too large");
  TRY_ASSIGN(const auto basic, parse(response));
  TRY(check_size(basic.get()));
  if (OCSP_BASICRESP_get_ext_by_critical(basic.get(), 1, -1) >= 0) {
    return fail(Errc::unsupported, "OCSP: a critical extension");
  }
  TRY_ASSIGN(OCSP_SINGLERESP* const answer, find_answer(basic.get(), subject, issuer));
  TRY_ASSIGN(OcspAnswer out, read_answer(answer));
  out.serial = subject.serial();
  TRY_ASSIGN(out.produced_at, to_time(OCSP_resp_get0_produced_at(basic.get())));
  TRY(check_signature(basic.get(), issuer, at));
  return out;
}

}  // namespace confide::crypto
