#include "crypto/x509.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "base/base64.h"
#include "crypto/public_key_impl.h"
#include "crypto/x509_impl.h"

namespace confide::crypto {
namespace {

constexpr std::size_t kMaxDer = std::size_t{1} << 20U;  // Intel's largest CRL has some 100 kB
constexpr int kMaxExtensions = 32;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string one_line(const X509_NAME* name) {
  const auto out = own(BIO_new(BIO_s_mem()));
  must(X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) >= 0);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

// RFC 5280 section 4.2: no extension may stand twice, or readers would differ on which one counts.
bool extensions_are_sane(const X509& certificate) {
  const int count = X509_get_ext_count(&certificate);
  if (count > kMaxExtensions) return false;
  for (int i = 0; i < count; ++i) {
    const ASN1_OBJECT* oid = X509_EXTENSION_get_object(X509_get_ext(&certificate, i));
    if (X509_get_ext_by_OBJ(&certificate, oid, i) >= 0) return false;
  }
  return true;
}

struct PemBlock {
  Bytes der;
  std::string_view rest;
};

// Takes one PEM block off the front of `text`, RFC 7468. Nothing but whitespace may precede it.
Result<PemBlock> take_pem(std::string_view text, std::string_view label) {
  const std::string begin = fmt::format("-----BEGIN {}-----", label);
  const std::string end = fmt::format("-----END {}-----", label);
  text = trimmed(text);
  if (!text.starts_with(begin)) {
    return fail(Errc::malformed, fmt::format("PEM: no {} where one should begin", label));
  }
  text.remove_prefix(begin.size());
  const std::size_t at = text.find(end);
  if (at == std::string_view::npos) return fail(Errc::malformed, "PEM: a block without an end");
  std::string body(text.substr(0, at));
  std::erase_if(body, [](char c) { return c == '\n' || c == '\r'; });
  TRY_ASSIGN(Bytes der, from_base64(body));
  return PemBlock{.der = std::move(der), .rest = trimmed(text.substr(at + end.size()))};
}

}  // namespace

Result<Time> to_time(const ASN1_TIME* time) {
  std::int64_t seconds = 0;
  if (time == nullptr || ASN1_TIME_to_posix(time, &seconds) != 1) {
    return aws_lc_fail(Errc::malformed, "X.509: unreadable time");
  }
  return from_unix(seconds);
}

Result<Certificate> Certificate::from_der(ByteView der) {
  if (der.size() > kMaxDer) return fail(Errc::limit, "X.509: certificate too large");
  auto x509 = crypto::from_der<X509>(der, d2i_X509);
  if (x509 == nullptr) return aws_lc_fail(Errc::malformed, "X.509: not a certificate");
  // AWS-LC also reads some BER; one certificate must not have two encodings.
  Bytes encoded = crypto::to_der(x509.get(), i2d_X509);
  if (!std::ranges::equal(encoded, der)) return fail(Errc::malformed, "X.509: not DER");
  if (!extensions_are_sane(*x509)) {
    return fail(Errc::malformed, "X.509: repeated or too many extensions");
  }
  TRY_ASSIGN(const Time not_before, to_time(X509_get0_notBefore(x509.get())));
  TRY_ASSIGN(const Time not_after, to_time(X509_get0_notAfter(x509.get())));
  auto out = std::make_shared<Impl>();
  out->x509 = std::move(x509);
  out->der = std::move(encoded);
  out->not_before = not_before;
  out->not_after = not_after;
  return Certificate(std::move(out));
}

Result<Certificate> Certificate::from_pem(std::string_view pem) {
  TRY_ASSIGN(const PemBlock block, take_pem(pem, "CERTIFICATE"));
  if (!block.rest.empty()) return fail(Errc::malformed, "PEM: text after the certificate");
  return from_der(block.der);
}

Result<Certificate> Certificate::from_any(ByteView bytes) {
  constexpr std::uint8_t kSequence = 0x30;
  if (!bytes.empty() && bytes[0] == kSequence) return from_der(bytes);
  return from_pem(as_text(bytes));
}

ByteView Certificate::der() const noexcept { return impl_->der; }

std::string Certificate::to_pem() const {
  constexpr std::size_t kLine = 64;
  const std::string body = to_base64(impl_->der);
  std::string out = "-----BEGIN CERTIFICATE-----\n";
  for (std::size_t i = 0; i < body.size(); i += kLine) {
    out += body.substr(i, kLine);
    out += '\n';
  }
  return out + "-----END CERTIFICATE-----\n";
}

std::string Certificate::subject() const {
  return one_line(X509_get_subject_name(impl_->x509.get()));
}
std::string Certificate::issuer() const {
  return one_line(X509_get_issuer_name(impl_->x509.get()));
}

std::string Certificate::common_name() const {
  const X509_NAME* name = X509_get_subject_name(impl_->x509.get());
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return {};
  unsigned char* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (size < 0) {
    ERR_clear_error();
    return {};
  }
  std::string out(as_text({text, static_cast<std::size_t>(size)}));
  OPENSSL_free(text);
  return out;
}

Time Certificate::not_before() const { return impl_->not_before; }
Time Certificate::not_after() const { return impl_->not_after; }

Bytes Certificate::subject_der() const {
  return crypto::to_der(X509_get_subject_name(impl_->x509.get()), i2d_X509_NAME);
}
Bytes Certificate::issuer_der() const {
  return crypto::to_der(X509_get_issuer_name(impl_->x509.get()), i2d_X509_NAME);
}

std::string Certificate::serial() const {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(impl_->x509.get());
  return to_hex(
      {ASN1_STRING_get0_data(serial), static_cast<std::size_t>(ASN1_STRING_length(serial))});
}

// A self-signed one of version 1 passes for a CA too, but says nothing of it.
bool Certificate::is_ca() const {
  X509* const x509 = impl_->x509.get();
  return X509_check_ca(x509) == 1 && (X509_get_extension_flags(x509) & EXFLAG_CA) != 0;
}

const Result<PublicKey>& Certificate::Impl::public_key() const {
  std::call_once(key_once_, [this] { key_ = public_key_of(*X509_get_X509_PUBKEY(x509.get())); });
  return *key_;
}

Result<PublicKey> Certificate::public_key() const { return impl_->public_key(); }

Sha256 Certificate::spki_sha256() const {
  return sha256(crypto::to_der(X509_get_X509_PUBKEY(impl_->x509.get()), i2d_X509_PUBKEY));
}

Result<P256Public> Certificate::p256_public() const {
  TRY_ASSIGN(const PublicKey key, public_key());
  if (key.kind() != KeyKind::p256) return fail(Errc::unsupported, "X.509: the key is not on P-256");
  P256Public out{};
  std::ranges::copy(key.spki().last(out.size()), out.begin());
  return out;
}

std::optional<Bytes> Certificate::extension(const std::string& oid) const {
  const Handle<ASN1_OBJECT> object(OBJ_txt2obj(oid.c_str(), /*no_name=*/1));
  must(object != nullptr);  // OIDs are written by us
  const int at = X509_get_ext_by_OBJ(impl_->x509.get(), object.get(), -1);
  if (at < 0) return std::nullopt;
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509_get_ext(impl_->x509.get(), at));
  return to_bytes(
      {ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))});
}

bool Certificate::operator==(const Certificate& other) const {
  return impl_->der == other.impl_->der;
}

Result<std::vector<Certificate>> parse_pem_chain(std::string_view pem,
                                                 std::span<const Certificate> known,
                                                 std::size_t max) {
  if (pem.ends_with('\0')) pem.remove_suffix(1);
  pem = trimmed(pem);
  if (pem.empty()) return fail(Errc::malformed, "PEM: no certificate");
  std::vector<Certificate> out;
  while (!pem.empty()) {
    if (out.size() == max) return fail(Errc::limit, "PEM: too many certificates");
    TRY_ASSIGN(const PemBlock block, take_pem(pem, "CERTIFICATE"));
    pem = block.rest;
    const auto same = std::ranges::find_if(
        known, [&](const Certificate& c) { return std::ranges::equal(c.der(), block.der); });
    if (same != known.end()) {
      out.push_back(*same);
      continue;
    }
    TRY_ASSIGN(auto certificate, Certificate::from_der(block.der));
    out.push_back(std::move(certificate));
  }
  return out;
}

Result<Crl> Crl::from_der(ByteView der) {
  if (der.size() > kMaxDer) return fail(Errc::limit, "X.509: CRL too large");
  auto crl = crypto::from_der<X509_CRL>(der, d2i_X509_CRL);
  if (crl == nullptr) return aws_lc_fail(Errc::malformed, "X.509: not a CRL");
  Bytes encoded = crypto::to_der(crl.get(), i2d_X509_CRL);
  if (!std::ranges::equal(encoded, der)) return fail(Errc::malformed, "X.509: CRL is not DER");
  TRY_ASSIGN(const Time this_update, to_time(X509_CRL_get0_lastUpdate(crl.get())));
  // RFC 5280 section 5.1.2.5 demands a next update; without one a CRL would stay current for ever.
  TRY_ASSIGN(const Time next_update, to_time(X509_CRL_get0_nextUpdate(crl.get())));
  auto out = std::make_shared<Impl>();
  out->crl = std::move(crl);
  out->der = std::move(encoded);
  out->this_update = this_update;
  out->next_update = next_update;
  return Crl(std::move(out));
}

Result<Crl> Crl::from_any(ByteView bytes) {
  constexpr std::uint8_t kSequence = 0x30;
  if (!bytes.empty() && bytes[0] == kSequence) return from_der(bytes);
  const std::string_view text = trimmed(as_text(bytes));
  if (text.starts_with('-')) {
    TRY_ASSIGN(const PemBlock block, take_pem(text, "X509 CRL"));
    if (!block.rest.empty()) return fail(Errc::malformed, "PEM: text after the CRL");
    return from_der(block.der);
  }
  TRY_ASSIGN(const Bytes der, from_hex(text, HexCase::any));
  return from_der(der);
}

ByteView Crl::der() const noexcept { return impl_->der; }
std::string Crl::issuer() const { return one_line(X509_CRL_get_issuer(impl_->crl.get())); }
Time Crl::this_update() const { return impl_->this_update; }
Time Crl::next_update() const { return impl_->next_update; }

bool Crl::revokes(const Certificate& certificate) const {
  X509* const x509 = certificate.impl().x509.get();
  if (X509_NAME_cmp(X509_get_issuer_name(x509), X509_CRL_get_issuer(impl_->crl.get())) != 0) {
    return false;
  }
  X509_REVOKED* entry = nullptr;
  return X509_CRL_get0_by_cert(impl_->crl.get(), &entry, x509) != 0;
}

bool Crl::Impl::is_signed_by(X509& issuer) const {
  Bytes key = crypto::to_der(X509_get_X509_PUBKEY(&issuer), i2d_X509_PUBKEY);
  const std::lock_guard lock(mutex_);
  if (key == signer_) return true;
  EVP_PKEY* const pkey = X509_get0_pubkey(&issuer);
  if (pkey == nullptr || X509_CRL_verify(crl.get(), pkey) != 1) {
    ERR_clear_error();
    return false;
  }
  signer_ = std::move(key);
  return true;
}

Status verify_p256(const Certificate& signer, ByteView message, const P256Signature& signature) {
  TRY_ASSIGN(const PublicKey key, signer.public_key());
  return key.verify(SignatureScheme::p256_sha256, message, signature);
}

}  // namespace confide::crypto
