#include "crypto/ocsp_response.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "crypto/der.h"

namespace confide::crypto {
namespace {

constexpr std::string_view kWhat = "OCSP";
constexpr std::size_t kMaxCertificates = 8;
constexpr std::size_t kMaxAnswers = 64;
constexpr std::uint64_t kMaxStatus = 6;   // OCSPResponseStatus
constexpr std::uint64_t kMaxReason = 10;  // CRLReason, RFC 5280 section 5.3.1
constexpr ByteArray<9> kBasic{0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01};

Result<Time> generalized_time(DerReader& in) {
  if (!in.next_is(DerTag::generalized_time)) return fail(Errc::malformed, "OCSP: not a time");
  return in.time();
}

// Extensions, RFC 5280 section 4.1: whether one of them is critical.
Result<bool> read_extensions(DerReader wrapped) {
  TRY_ASSIGN(DerReader list, wrapped.inside(DerTag::sequence));
  TRY(wrapped.expect_end());
  bool critical = false;
  while (!list.at_end()) {
    TRY_ASSIGN(DerReader extension, list.inside(DerTag::sequence));
    TRY(extension.oid());
    if (extension.next_is(DerTag::boolean)) {
      TRY_ASSIGN(const bool flag, extension.boolean());
      critical = critical || flag;
    }
    TRY(extension.octets());
    TRY(extension.expect_end());
  }
  return critical;
}

// AlgorithmIdentifier without parameters, or with the NULL that some algorithms have.
Result<ByteView> read_algorithm(DerReader& in) {
  TRY_ASSIGN(DerReader algorithm, in.inside(DerTag::sequence));
  TRY_ASSIGN(const ByteView oid, algorithm.oid());
  if (algorithm.next_is(DerTag::null)) {
    TRY_ASSIGN(const DerElement parameters, algorithm.any());
    if (!parameters.content.empty()) return fail(Errc::malformed, "OCSP: a filled NULL");
  }
  TRY(algorithm.expect_end());
  return oid;
}

Status read_name(DerReader id, OcspSingle& out) {
  TRY_ASSIGN(out.hash, read_algorithm(id));
  TRY_ASSIGN(out.issuer_name_hash, id.octets());
  TRY_ASSIGN(out.issuer_key_hash, id.octets());
  TRY_ASSIGN(const DerElement serial, id.element(DerTag::integer));
  out.serial = serial.encoded;
  return id.expect_end();
}

Status read_revoked(DerReader in, OcspAnswer& out) {
  out.status = OcspAnswer::Status::revoked;
  TRY_ASSIGN(out.revoked_at, generalized_time(in));
  if (in.at_end()) return {};
  TRY_ASSIGN(DerReader wrapped, in.inside(der_context_constructed(0)));
  TRY_ASSIGN(const std::uint64_t reason, wrapped.number(kMaxReason, DerTag::enumerated));
  out.reason = static_cast<int>(reason);
  TRY(wrapped.expect_end());
  return in.expect_end();
}

// CertStatus.
Status read_status(DerReader& in, OcspAnswer& out) {
  if (in.next_is(der_context_constructed(1))) {
    TRY_ASSIGN(const DerReader revoked, in.inside(der_context_constructed(1)));
    return read_revoked(revoked, out);
  }
  TRY_ASSIGN(const DerElement status, in.any());
  if (!status.content.empty()) return fail(Errc::malformed, "OCSP: a filled status");
  if (status.tag == der_context(0)) {
    out.status = OcspAnswer::Status::good;
  } else if (status.tag != der_context(2)) {
    return fail(Errc::malformed, "OCSP: no such status");
  }
  return {};
}

Result<OcspSingle> read_single(DerReader in) {
  OcspSingle out;
  TRY_ASSIGN(const DerReader id, in.inside(DerTag::sequence));
  TRY(read_name(id, out));
  TRY(read_status(in, out.answer));
  TRY_ASSIGN(out.answer.this_update, generalized_time(in));
  if (in.next_is(der_context_constructed(0))) {
    TRY_ASSIGN(DerReader wrapped, in.inside(der_context_constructed(0)));
    TRY_ASSIGN(out.answer.next_update, generalized_time(wrapped));
    TRY(wrapped.expect_end());
  }
  if (in.next_is(der_context_constructed(1))) {
    TRY_ASSIGN(const DerReader wrapped, in.inside(der_context_constructed(1)));
    TRY_ASSIGN(out.has_critical_extension, read_extensions(wrapped));
  }
  TRY(in.expect_end());
  return out;
}

Status read_responder(DerReader& in, OcspResponse& out) {
  if (in.next_is(der_context_constructed(1))) {
    TRY_ASSIGN(DerReader name, in.inside(der_context_constructed(1)));
    TRY_ASSIGN(const DerElement element, name.element(DerTag::sequence));
    out.responder_name = element.encoded;
    return name.expect_end();
  }
  TRY_ASSIGN(DerReader key, in.inside(der_context_constructed(2)));
  TRY_ASSIGN(out.responder_key_hash, key.octets());
  return key.expect_end();
}

// ResponseData.
Status read_data(DerReader in, OcspResponse& out) {
  // DER leaves out version 1, which is the default, and there is no other.
  TRY(read_responder(in, out));
  TRY_ASSIGN(out.produced_at, generalized_time(in));
  TRY_ASSIGN(DerReader answers, in.inside(DerTag::sequence));
  while (!answers.at_end()) {
    if (out.answers.size() == kMaxAnswers) return fail(Errc::limit, "OCSP: too many answers");
    TRY_ASSIGN(const DerReader single, answers.inside(DerTag::sequence));
    TRY_ASSIGN(OcspSingle answer, read_single(single));
    out.answers.push_back(std::move(answer));
  }
  if (in.next_is(der_context_constructed(1))) {
    TRY_ASSIGN(const DerReader wrapped, in.inside(der_context_constructed(1)));
    TRY_ASSIGN(out.has_critical_extension, read_extensions(wrapped));
  }
  return in.expect_end();
}

Status read_certificates(DerReader wrapped, OcspResponse& out) {
  TRY_ASSIGN(DerReader list, wrapped.inside(DerTag::sequence));
  TRY(wrapped.expect_end());
  while (!list.at_end()) {
    if (out.certificates.size() == kMaxCertificates) {
      return fail(Errc::limit, "OCSP: too many certificates");
    }
    TRY_ASSIGN(const DerElement certificate, list.element(DerTag::sequence));
    out.certificates.push_back(certificate.encoded);
  }
  return {};
}

// BasicOCSPResponse.
Result<OcspResponse> read_basic(ByteView der) {
  TRY(check_der(der, kWhat));
  TRY_ASSIGN(DerReader in, der_sequence(der, kWhat));
  OcspResponse out;
  TRY_ASSIGN(const DerElement data, in.element(DerTag::sequence));
  out.signed_bytes = data.encoded;
  TRY(read_data(DerReader(data.content, kWhat), out));
  TRY_ASSIGN(out.algorithm, read_algorithm(in));
  TRY_ASSIGN(out.signature, in.bits());
  if (in.next_is(der_context_constructed(0))) {
    TRY_ASSIGN(const DerReader wrapped, in.inside(der_context_constructed(0)));
    TRY(read_certificates(wrapped, out));
  }
  TRY(in.expect_end());
  return out;
}

}  // namespace

Result<OcspResponse> parse_ocsp_response(ByteView der) {
  TRY(check_der(der, kWhat));
  TRY_ASSIGN(DerReader in, der_sequence(der, kWhat));
  TRY_ASSIGN(const std::uint64_t status, in.number(kMaxStatus, DerTag::enumerated));
  if (status != 0) {
    return fail(Errc::unavailable, fmt::format("OCSP: the responder answered status {}", status));
  }
  TRY_ASSIGN(DerReader wrapped, in.inside(der_context_constructed(0)));
  TRY(in.expect_end());
  TRY_ASSIGN(DerReader bytes, wrapped.inside(DerTag::sequence));
  TRY(wrapped.expect_end());
  TRY_ASSIGN(const ByteView type, bytes.oid());
  if (!std::ranges::equal(type, kBasic)) return fail(Errc::malformed, "OCSP: not a basic response");
  TRY_ASSIGN(const ByteView basic, bytes.octets());
  TRY(bytes.expect_end());
  return read_basic(basic);
}

}  // namespace confide::crypto
